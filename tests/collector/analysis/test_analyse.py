from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.trials.takes import jobs
from headstart.collector.findings import Basis, RunResult, Verdict
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import (
    CheckOutcome,
    Event,
    Failure,
    FailureCode,
    Flag,
    FlagEffect,
    Gap,
    ImagePulled,
    Quantity,
    Record,
    SampleBatch,
    SampleColumn,
    TrialOutcome,
    TrialStarted,
)
from headstart.words import metrics
from headstart.words.metrics import METRICS
from support.fake_builds import builds
from support.fake_runs import AOT, BROKEN, JIT, MS, Fake, small


@pytest.fixture(scope="module")
def players() -> RunResult:
    return Fake().result()


def verdict(result: RunResult, metric: str, variant: str = "aot") -> Verdict:
    found = result.comparison(metric, variant)
    assert found is not None
    return found.verdict


def test_aot_starts_faster_and_uses_less_memory(players: RunResult) -> None:
    assert verdict(players, metrics.STARTUP.name) is Verdict.BETTER
    assert verdict(players, metrics.STARTUP_CPU.name) is Verdict.BETTER
    assert verdict(players, metrics.RSS_IDLE.name) is Verdict.BETTER
    assert verdict(players, metrics.RSS_LOAD.name) is Verdict.BETTER
    assert verdict(players, metrics.IMAGE_UNPACKED.name) is Verdict.BETTER


def test_a_warming_jit_is_slower_at_first_and_level_when_steady(players: RunResult) -> None:
    assert verdict(players, metrics.THROUGHPUT_FIRST.name) is Verdict.BETTER
    assert verdict(players, metrics.THROUGHPUT_STEADY.name) is Verdict.EQUIVALENT
    shapes = {warmup.variant: warmup.shape for warmup in players.load.variant_warmups}
    assert shapes == {"jit": "warmup", "r2r": "warmup", "aot": "flat"}


def test_idle_memory_comes_from_the_blocks_without_load(players: RunResult) -> None:
    idle, load = (
        players.figure(metrics.RSS_IDLE.name, "jit"),
        players.figure(metrics.RSS_LOAD.name, "jit"),
    )

    assert idle is not None
    assert load is not None
    assert load.blocks == (1, 4, 7, 10)
    assert set(idle.blocks) == set(range(1, 13)) - {1, 4, 7, 10}


def test_a_jit_cut_off_while_rising_has_no_steady_throughput() -> None:
    slow = replace(JIT, climb_seconds=20)
    result = Fake(kinds=(slow, AOT), blocks=6, load_every=2, load_seconds=30).result()

    comparison = result.comparison(metrics.THROUGHPUT_STEADY.name, "aot")

    assert comparison is not None
    assert comparison.verdict is Verdict.UNAVAILABLE
    assert "jit was still rising after 30 s of load" in comparison.reason
    assert result.figure(metrics.THROUGHPUT_STEADY.name, "jit") is None
    assert result.figure(metrics.LATENCY_P99.name, "jit") is None
    assert verdict(result, metrics.THROUGHPUT_FIRST.name) is Verdict.BETTER


def test_where_nothing_settles_the_steady_verdict_is_there_and_unavailable() -> None:
    slow = replace(JIT, climb_seconds=20)
    also = replace(slow, name="aot")
    result = Fake(kinds=(slow, also), blocks=3, load_every=1, load_seconds=30).result()

    assert verdict(result, metrics.THROUGHPUT_STEADY.name) is Verdict.UNAVAILABLE


def test_a_variant_that_never_started_is_a_result_with_its_output(players: RunResult) -> None:
    broken = next(v for v in players.variants if v.variant == "aot-broken")

    assert broken.outcome == "does not start"
    assert "AutoMapperConfigurationException" in broken.output_tail
    found = players.comparison(metrics.STARTUP.name, "aot-broken")
    assert found is not None
    assert found.verdict is Verdict.UNAVAILABLE
    assert found.reason == "aot-broken does not start"


def test_a_baseline_that_failed_leaves_nothing_to_compare_with() -> None:
    result = small(kinds=(BROKEN, AOT), blocks=6).result()

    assert {c.verdict for c in result.comparisons if not c.metric.startswith("image_")} == {
        Verdict.UNAVAILABLE
    }
    assert "aot-broken does not start" in {c.reason for c in result.comparisons}
    assert result.figure(metrics.STARTUP.name, "aot") is not None


def test_no_record_at_all_is_an_empty_result() -> None:
    result = analyse_run(small().info(), [])

    assert result.figures == ()
    assert result.comparisons == ()
    assert {v.outcome for v in result.variants} == {"not run"}
    assert "No trial has ended: there is nothing to compare." in result.remarks


def test_one_block_decides_nothing() -> None:
    result = small(blocks=1).result()

    assert verdict(result, metrics.STARTUP.name) is Verdict.INCONCLUSIVE
    assert result.blocks_completed == 1


def test_the_same_records_in_another_order_give_the_same_result() -> None:
    fake = small(blocks=6)
    records = list(fake.records())

    assert analyse_run(fake.info(), records) == analyse_run(fake.info(), reversed(records))


def flagged(effect: FlagEffect.ValueType, trials: range) -> Callable[[TrialOutcome], None]:
    def disturb(outcome: TrialOutcome) -> None:
        if outcome.trial in trials:
            outcome.flags.add(code="server-run-delay", effect=effect, text="ran late")
            outcome.startup.first_correct_response_monotonic_ns += 900 * MS

    return disturb


def test_a_flagged_startup_stays_out_of_the_startup_figure_only() -> None:
    effect = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
    result = small(blocks=8, disturb=flagged(effect, range(1, 5))).result()

    startup, memory = (
        result.figure(metrics.STARTUP.name, "jit"),
        result.figure(metrics.RSS_IDLE.name, "jit"),
    )
    assert startup is not None
    assert memory is not None
    assert (len(startup.values), startup.excluded) == (6, 2)
    assert startup.basis is Basis.VALID
    assert (len(memory.values), memory.excluded) == (8, 0)
    assert {(t.trial, t.effect) for t in result.invalid_trials} == {
        (trial, "startup") for trial in range(1, 5)
    }
    assert verdict(result, metrics.STARTUP.name) is Verdict.BETTER


def test_a_noted_flag_leaves_nothing_out() -> None:
    disturb = flagged(FlagEffect.FLAG_EFFECT_NOTE, range(1, 5))
    result = small(blocks=8, disturb=disturb).result()

    assert result.invalid_trials == ()
    jit = result.variants[0]
    assert jit.flags == {"server-run-delay": 2}
    assert jit.trials_invalid == 0


def test_when_too_few_are_valid_flagged_trials_are_used_and_it_is_said_loudly() -> None:
    disturb = flagged(FlagEffect.FLAG_EFFECT_TRIAL_INVALID, range(1, 15))
    result = small(blocks=8, disturb=disturb).result()

    startup = result.figure(metrics.STARTUP.name, "jit")
    comparison = result.comparison(metrics.STARTUP.name, "aot")
    assert startup is not None
    assert comparison is not None
    assert startup.basis is comparison.basis is Basis.FLAGGED
    assert len(startup.values) == comparison.blocks == 8
    assert any("these figures come from flagged trials" in remark for remark in result.remarks)


def test_wrong_answers_make_a_variant_incomparable_with_the_check_quoted() -> None:
    fake = small(blocks=6)
    records = list(fake.records())
    aot = [r.trial_outcome.trial for r in records if r.trial_outcome.variant == "aot"]
    wrong: dict[str, Any] = {
        "check": "GET /players/7",
        "expected": "status 200",
        "actual": "status 500",
    }
    records += [Record(check_outcome=CheckOutcome(trial=trial, **wrong)) for trial in aot]

    result = analyse_run(fake.info(), records)

    comparison = result.comparison(metrics.STARTUP.name, "aot")
    assert comparison is not None
    assert comparison.verdict is Verdict.UNAVAILABLE
    assert "GET /players/7: expected status 200, got status 500" in comparison.reason
    variant = result.variants[1]
    assert (variant.outcome, variant.checks_failed) == ("checks fail", 6)
    figure = result.figure(metrics.STARTUP.name, "aot")
    assert figure is not None
    assert (figure.center, figure.excluded) == (None, 6)


def test_a_load_that_failed_leaves_startup_and_idle_memory_standing() -> None:
    def disturb(outcome: TrialOutcome) -> None:
        if outcome.HasField("load"):
            outcome.failure.CopyFrom(
                Failure(
                    code=FailureCode.FAILURE_CODE_LOAD_DRIVER_MISSING,
                    message="h2load is not installed",
                )
            )

    result = Fake(kinds=(JIT, AOT), blocks=9, load_seconds=15, disturb=disturb).result()

    assert verdict(result, metrics.STARTUP.name) is Verdict.BETTER
    assert verdict(result, metrics.RSS_IDLE.name) is Verdict.BETTER
    assert result.figure(metrics.THROUGHPUT_FIRST.name, "jit") is None
    assert result.variants[0].outcome == "measured"
    assert result.variants[0].failure_message == "h2load is not installed"


def test_mostly_wrong_responses_under_load_are_no_throughput() -> None:
    def disturb(outcome: TrialOutcome) -> None:
        if outcome.variant == "aot" and outcome.HasField("load"):
            outcome.load.incorrect = outcome.load.completed // 2

    result = Fake(
        kinds=(JIT, AOT), blocks=4, load_every=1, load_seconds=15, disturb=disturb
    ).result()

    comparison = result.comparison(metrics.THROUGHPUT_FIRST.name, "aot")
    assert comparison is not None
    assert comparison.verdict is Verdict.UNAVAILABLE
    assert "aot answers wrongly under load" in comparison.reason
    assert {t.code for t in result.invalid_trials} == {"incorrect-responses"}


def test_contradictory_stamps_are_dropped_and_counted() -> None:
    def disturb(outcome: TrialOutcome) -> None:
        if outcome.trial == 3:
            outcome.startup.first_correct_response_monotonic_ns = 5
        if outcome.trial == 4:
            outcome.startup.cpu_seconds = float("nan")

    result = small(blocks=5, disturb=disturb).result()

    assert any(remark.startswith("2 values were negative") for remark in result.remarks)
    assert verdict(result, metrics.STARTUP.name) is Verdict.BETTER


def test_a_metric_missing_in_one_variant_is_unavailable_there() -> None:
    def disturb(outcome: TrialOutcome) -> None:
        if outcome.variant == "aot":
            del outcome.memory[:]

    result = small(blocks=5, disturb=disturb).result()

    comparison = result.comparison(metrics.RSS_IDLE.name, "aot")
    assert comparison is not None
    assert comparison.verdict is Verdict.UNAVAILABLE
    assert comparison.reason == "aot was not measured"


def test_broken_columns_and_lost_batches_cost_curves_and_nothing_else() -> None:
    fake = small(blocks=4)
    records = list(fake.records())
    records.append(
        Record(
            samples=SampleBatch(
                trial=1,
                time_delta_us=[1, 2],
                columns=[SampleColumn(quantity=Quantity.QUANTITY_RSS_BYTES)],
            )
        )
    )
    records.append(Record(gap=Gap(trial=2, batches=4, rows=200, reason="spool full")))

    result = analyse_run(fake.info(), records)

    assert 1 not in {series.trial for series in result.memory.rss_series}
    assert 2 in {series.trial for series in result.memory.rss_series}
    assert any(remark.startswith("4 batches of samples") for remark in result.remarks)
    assert verdict(result, metrics.STARTUP.name) is Verdict.BETTER


def test_a_trial_without_an_outcome_is_left_out_and_mentioned() -> None:
    fake = small(blocks=4)
    begun = Record(trial_started=TrialStarted(trial=99, block=5, variant="jit"))

    result = analyse_run(fake.info(), [*fake.records(), begun])

    assert result.variants[0].trials == 4
    assert "1 trial began and did not end; left out." in result.remarks


@pytest.mark.parametrize(
    ("state", "word"),
    [
        (RunState.RUN_STATE_CANCELLED, "The run was cancelled"),
        (RunState.RUN_STATE_LOST, "The run was lost"),
        (RunState.RUN_STATE_INCOMPLETE, "The run is incomplete"),
        (RunState.RUN_STATE_LEASED, "The run has not ended"),
    ],
)
def test_an_unfinished_run_says_so_first(state: RunState.ValueType, word: str) -> None:
    result = small(blocks=3, state=state).result()

    assert result.remarks[0].startswith(word)


def test_the_agents_notes_are_remarks() -> None:
    fake = small(blocks=3)
    note = Record(event=Event(name="note", text="no block after 3: the plan's 60 s are over"))

    result = analyse_run(fake.info(), [*fake.records(), note])

    assert "no block after 3: the plan's 60 s are over" in result.remarks


def test_a_margin_of_the_experiment_replaces_the_catalogues() -> None:
    fake = small(blocks=6)
    info = fake.info()
    info.experiment.margins[metrics.ENGINE_START.name] = 0.5

    result = analyse_run(info, fake.records())

    found = result.comparison(metrics.ENGINE_START.name, "aot")
    assert found is not None
    assert found.margin == 0.5


def pulled() -> Record:
    return Record(
        image_pulled=ImagePulled(
            variants=[AOT.name], duration_seconds=0.7, transferred_bytes=6_000_000, layers=2
        )
    )


def test_every_metric_can_be_measured(players: RunResult) -> None:
    fake = Fake(kinds=(JIT, AOT), blocks=2, load_every=2, load_seconds=15)
    info = fake.info()

    def with_data(record: Record) -> Record:
        startup = record.trial_outcome.startup
        if startup.exec_monotonic_ns:
            startup.first_data_response_monotonic_ns = startup.exec_monotonic_ns + 400 * MS
        return record

    result = analyse_run(info, map(with_data, [pulled(), *fake.records(), *builds()]))

    measured = {figure.metric for figure in result.figures}
    measured |= {figure.metric for figure in players.figures}
    measured |= {each.name for each in jobs.TAKES}
    # Of loads of their own kind: see test_ramp.py and test_load.py.
    measured |= {
        metrics.RATE_HELD.name,
        metrics.THROUGHPUT_LOAD.name,
        metrics.LATENCY_LOAD_P99.name,
    }
    assert measured == set(METRICS)


def test_flag_of_an_unknown_future_effect_is_no_crash() -> None:
    def disturb(outcome: TrialOutcome) -> None:
        outcome.flags.append(Flag(code="new", effect=77))  # type: ignore[arg-type]  # a newer agent's

    assert small(blocks=3, disturb=disturb).result().invalid_trials == ()


def test_a_time_to_steady_that_all_trials_told_together_has_no_interval() -> None:
    quiet = Fake(kinds=(JIT, AOT), blocks=6, load_every=1)
    restless = replace(quiet, load_seconds=30, noise=0.12).result()
    alone = quiet.result().figure(metrics.TIME_TO_STEADY.name, "jit")
    shared = restless.figure(metrics.TIME_TO_STEADY.name, "aot")
    steady = restless.figure(metrics.THROUGHPUT_STEADY.name, "aot")

    assert any(warmup.decided_jointly for warmup in restless.load.warmups)
    assert alone is not None
    assert alone.interval is not None
    assert shared is not None
    assert shared.center == 0
    assert shared.interval is None
    assert steady is not None
    assert steady.interval is not None
