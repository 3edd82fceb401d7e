"""What is said of a plan beforehand, held against what the analysis makes of runs of it."""

from dataclasses import dataclass, replace
from functools import cache

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.analysis.verdict.decidable import Undecidable, undecidable
from headstart.collector.analysis.verdict.gates import gate_outcome, limits_of
from headstart.collector.findings import GateOutcome, GateStatus, RunResult, Verdict
from headstart.v1.experiment_pb2 import (
    BatchJob,
    Build,
    Check,
    Command,
    Compilation,
    Experiment,
    Gate,
    Gates,
    HttpCheck,
    Load,
    Plan,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import TrialOutcome
from headstart.words import metrics
from headstart.words.metrics import METRICS
from support.fake_runs import AOT, JIT, SECOND, Fake

LEVEL_JIT = replace(JIT, first_per_second=10_000, steady_per_second=10_000, climb_seconds=0)
DECIDED = (GateStatus.PASSED, GateStatus.FAILED)


@dataclass(frozen=True)
class Planned:
    """A plan that a run is made up for; hardly anything varies, so that what can be decided is."""

    blocks: int = 6
    load_every: int = 2
    load_seconds: float = 60.0
    compilation: Compilation.ValueType = Compilation.COMPILATION_JIT
    first_data: bool = False

    def fake(self) -> Fake:
        def stamp_data(outcome: TrialOutcome) -> None:
            startup = outcome.startup
            first = startup.first_correct_response_monotonic_ns
            startup.first_data_response_monotonic_ns = first + SECOND // 100

        return Fake(
            kinds=(replace(LEVEL_JIT, compilation=self.compilation), AOT),
            blocks=self.blocks,
            load_every=self.load_every,
            load_seconds=self.load_seconds,
            noise=0.002,
            disturb=stamp_data if self.first_data else lambda _outcome: None,
        )

    def experiment(self, gates: Gates | None = None) -> Experiment:
        experiment = self.fake().experiment()
        if self.first_data:
            experiment.service.first_data.CopyFrom(Check(http=HttpCheck()))
        if gates is not None:
            experiment.gates.CopyFrom(gates)
        return experiment


@cache
def measured(planned: Planned) -> RunResult:
    info = planned.fake().info()
    info.experiment.CopyFrom(planned.experiment())
    records = (r for r in planned.fake().records() if not r.HasField("memory_floor"))
    return analyse_run(info, records)


PLANS = [
    Planned(),
    Planned(blocks=2),
    Planned(blocks=3, load_every=1),
    Planned(blocks=4, load_every=1),
    Planned(blocks=5, load_every=1),
    Planned(load_every=3),
    Planned(blocks=7, load_every=3),
    Planned(blocks=9, load_every=3, first_data=True),
    Planned(blocks=9, load_every=2),
    Planned(load_every=0),
    Planned(blocks=10, load_seconds=20),
    Planned(blocks=10, load_seconds=20, compilation=Compilation.COMPILATION_AOT),
    Planned(blocks=10, load_seconds=4),
]

# Far from what is measured, so that only too few values leave it open.
LIMITS = [
    Gate(metric=metrics.STARTUP.name, maximum=10),
    Gate(metric=metrics.STARTUP.name, margin=0.05),
    Gate(metric=metrics.STARTUP_DATA.name, maximum=10),
    Gate(metric=metrics.STARTUP_CPU.name, margin=0.05),
    Gate(metric=metrics.RSS_IDLE.name, margin=0.05),
    Gate(metric=metrics.RSS_IDLE.name, maximum=1e9),
    Gate(metric=metrics.RSS_LOAD.name, margin=0.05),
    Gate(metric=metrics.RSS_SETTLED.name, maximum=1e9),
    Gate(metric=metrics.MEMORY_HIGH_WATER.name, margin=0.05),
    Gate(metric=metrics.THROUGHPUT_FIRST.name, margin=0.05),
    Gate(metric=metrics.THROUGHPUT_STEADY.name, minimum=1),
    Gate(metric=metrics.THROUGHPUT_STEADY.name, margin=0.05),
    Gate(metric=metrics.THROUGHPUT_LOAD.name, margin=0.05),
    Gate(metric=metrics.LATENCY_P99.name, maximum=10),
    Gate(metric=metrics.LATENCY_P99.name, margin=9.0),
    Gate(metric=metrics.LOAD_CPU.name, maximum=10),
    Gate(metric=metrics.IMAGE_UNPACKED.name, margin=0.01),
    Gate(metric=metrics.IMAGE_OWN.name, maximum=1e9),
    Gate(metric=metrics.IMAGE_OWN.name, margin=0.01),
    Gate(metric=metrics.MEMORY_FLOOR.name, maximum=1e9),
    Gate(metric=metrics.BUILD.name, margin=0.1),
    Gate(metric=metrics.RATE_HELD.name, minimum=1),
    Gate(metric=metrics.JOB.name, margin=0.05),
]


def gate_outcomes(planned: Planned) -> list[tuple[Gate, GateOutcome, list[Undecidable]]]:
    """Each limit by itself: what came of it, and what was said of it before."""
    found = []
    for gate in LIMITS:
        gates = Gates(gates=[gate])
        _, (limit,) = limits_of(planned.experiment(gates))
        outcome = gate_outcome(measured(planned), "aot", limit)
        said = [each for each in undecidable(planned.experiment(gates)) if each.limit is not None]
        found.append((gate, outcome, said))
    return found


@pytest.mark.parametrize("planned", PLANS, ids=str)
def test_what_a_plan_cannot_decide_is_never_decided_and_what_it_can_is(planned: Planned) -> None:
    wrong = [
        f"{gate.metric} {outcome.limit.kind}: {outcome.status.value}, but said: {said}"
        for gate, outcome, said in gate_outcomes(planned)
        if (outcome.status in DECIDED) == bool(said)
    ]

    assert wrong == []


@pytest.mark.parametrize("planned", PLANS, ids=str)
def test_so_do_the_verdicts_that_every_report_tells(planned: Planned) -> None:
    said = {each.metric for each in undecidable(planned.experiment())}
    open_verdicts = {
        c.metric
        for c in measured(planned).comparisons
        if METRICS[c.metric].headline and c.verdict in (Verdict.INCONCLUSIVE, Verdict.UNAVAILABLE)
    }
    # The default gates ask for throughput even where there is no load.
    unasked = set() if planned.load_every else {metrics.THROUGHPUT_STEADY.name}
    assert open_verdicts == said - unasked


def said_of(experiment: Experiment) -> list[str]:
    return [each.text for each in undecidable(experiment)]


def test_it_says_what_is_lacking_and_what_to_change() -> None:
    gates = Gates(gates=[Gate(metric=metrics.RSS_LOAD.name, margin=0.05)])
    (found,) = [e for e in undecidable(Planned(load_every=3).experiment(gates)) if e.limit]

    assert found.text == (
        "this plan cannot decide the gate “Memory under load at most 5 % above jit”: 6 blocks with "
        "`load_every: 3` give 2 trials under load, and an interval takes 3; `plan.blocks: 7` or "
        "`plan.load_every: 2`"
    )
    assert found.path == ("gates", metrics.RSS_LOAD.name, "margin")
    assert found.stated


def test_a_gate_that_nobody_stated_points_at_what_would_have_to_change() -> None:
    found = [e for e in undecidable(Planned(load_every=3).experiment()) if e.limit]

    assert {e.metric for e in found} == {metrics.RSS_LOAD.name, metrics.THROUGHPUT_STEADY.name}
    assert not any(e.stated for e in found)
    assert {e.path for e in found} == {("plan", "load_every")}


@pytest.mark.parametrize(
    ("blocks", "load_every"), [(2, 2), (6, 3), (3, 2), (4, 4), (12, 5), (5, 6), (1, 1)]
)
def test_the_change_that_it_names_is_enough(blocks: int, load_every: int) -> None:
    gates = Gates(
        gates=[
            Gate(metric=metric, maximum=1e9)
            for metric in (metrics.RSS_LOAD.name, metrics.RSS_IDLE.name, metrics.STARTUP.name)
        ]
    )
    experiment = Planned(blocks=blocks, load_every=load_every).experiment(gates)
    for _ in range(5):
        found = [e for e in undecidable(experiment) if e.limit]
        if not found:
            return
        change = found[0].text.rpartition("; ")[2].split("`")[1]
        key, _, value = change.partition(": ")
        setattr(experiment.plan, key.removeprefix("plan."), int(value))
    raise AssertionError(said_of(experiment))


def test_a_run_that_stops_when_decided_is_taken_at_its_cap() -> None:
    gates = Gates(gates=[Gate(metric=metrics.RSS_LOAD.name, maximum=1e9)])
    experiment = Planned(blocks=0, load_every=4).experiment(gates)

    assert said_of(experiment) == []
    experiment.plan.maximum_blocks = 8
    assert "at most 8 blocks" in said_of(experiment)[0]
    assert "`plan.maximum.blocks: 25`" in said_of(experiment)[0]


def test_a_run_whose_time_is_over_has_no_more_blocks() -> None:
    experiment = Planned(blocks=9, load_every=1, load_seconds=600).experiment(
        Gates(gates=[Gate(metric=metrics.STARTUP.name, margin=0.05)])
    )
    experiment.plan.maximum_seconds = 1300

    assert "2 blocks (no later one begins within 1300 s)" in said_of(experiment)[0]
    assert "`plan.maximum.time`" in said_of(experiment)[0]


def batch(**changes: object) -> Experiment:
    experiment = Experiment(
        name="compiler",
        baseline="jar",
        variants=[
            Variant(name="jar", command=Command(argv=["java"])),
            Variant(name="native", command=Command(argv=["./native"])),
        ],
        service=Service(),
        plan=Plan(blocks=3),
        jobs=[BatchJob(name="short", repeat=1)],
    )
    experiment.MergeFrom(Experiment(**changes))  # type: ignore[arg-type]  # names are checked by protobuf
    return experiment


def test_a_batch_program_is_asked_for_its_jobs() -> None:
    gates = Gates(
        gates=[
            Gate(metric=metrics.JOB.name, margin=0.05),
            Gate(metric=metrics.LONG_JOB.name, margin=0.05),
            Gate(metric=metrics.RSS_IDLE.name, margin=0.05),
            Gate(metric=metrics.IMAGE_UNPACKED.name, margin=0.05),
        ]
    )

    assert [(e.metric, e.variants) for e in undecidable(batch(gates=gates)) if e.limit] == [
        (metrics.LONG_JOB.name, ("native",)),
        (metrics.RSS_IDLE.name, ("native",)),
        (metrics.IMAGE_UNPACKED.name, ("native",)),
    ]


@pytest.mark.parametrize(("timed", "decided"), [(1, False), (2, False), (3, True)])
def test_a_gate_on_builds_takes_builds(timed: int, decided: bool) -> None:
    experiment = batch(gates=Gates(gates=[Gate(metric=metrics.BUILD.name, margin=0.1)]))
    for variant in experiment.variants:
        variant.build.CopyFrom(Build(context="/src", clean_repetitions=timed))

    assert bool([e for e in undecidable(experiment) if e.limit]) is not decided


@pytest.mark.parametrize(
    ("load", "metric", "words"),
    [
        (Load(driver="wrk", duration_seconds=60), metrics.LATENCY_P99.name, "wrk gives no series"),
        (
            Load(rate_per_second=10, rate_to_per_second=100, duration_seconds=60),
            metrics.THROUGHPUT_STEADY.name,
            "the rate of the load rises",
        ),
        (Load(duration_seconds=60), metrics.RATE_HELD.name, "does not rise"),
        (Load(duration_seconds=60, window_seconds=20), metrics.LATENCY_P50.name, "too few windows"),
        (
            Load(duration_seconds=60, first_window_seconds=3, window_seconds=3),
            metrics.THROUGHPUT_FIRST.name,
            "cover its first 5 s",
        ),
    ],
)
def test_what_a_load_rules_out_is_named(load: Load, metric: str, words: str) -> None:
    experiment = Planned(blocks=9).experiment(Gates(gates=[Gate(metric=metric, maximum=1)]))
    experiment.load.CopyFrom(load)

    assert words in said_of(experiment)[0]


def test_an_a_a_run_has_no_gates_to_decide() -> None:
    experiment = Planned(load_every=3).experiment(Gates(profile="native-aot-api"))
    experiment.aa = True

    assert all(each.limit is None for each in undecidable(experiment))
