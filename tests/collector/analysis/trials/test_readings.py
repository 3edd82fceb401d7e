"""Values of trials that were disturbed: bounded where their flags admit it, by phase where not."""

import pytest

from headstart.collector.analysis.trials.figures import Reading, readings_of
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.findings import Interval
from headstart.v1.records_pb2 import (
    Disturbance,
    ExecStamp,
    Flag,
    FlagEffect,
    Job,
    Phase,
    PhaseMemory,
    Startup,
    TrialOutcome,
)
from headstart.words import metrics
from headstart.words.flags import FlagCode
from headstart.words.metric import Metric

MS = 1_000_000
PHASE_INVALID = FlagEffect.FLAG_EFFECT_PHASE_INVALID


def readings(trial: Trial) -> dict[str, Reading]:
    found, _ = readings_of([trial], {}, load_planned=False)
    return {name: values[0] for (name, _variant), values in found.items()}


def disturbed() -> Trial:
    startup = Startup(
        exec_monotonic_ns=10 * MS,
        exec_stamp=ExecStamp.EXEC_STAMP_GATE,
        first_correct_response_monotonic_ns=110 * MS,
        first_data_response_monotonic_ns=130 * MS,
        cpu_seconds=0.05,
        disturbance=Disturbance(waited_seconds=0.04, cpus=1, cpu_seconds=0.05),
    )
    flag = Flag(
        code=FlagCode.SERVER_RUN_DELAY, effect=FlagEffect.FLAG_EFFECT_STARTUP_INVALID, value=0.04
    )
    return Trial(TrialOutcome(trial=1, block=1, startup=startup, flags=[flag]))


def test_a_disturbed_start_has_bounds_and_its_cpu_time_needs_none() -> None:
    found = readings(disturbed())

    assert found[metrics.STARTUP.name].value == pytest.approx(0.1)
    startup, data = (found[m.name].bounds for m in (metrics.STARTUP, metrics.STARTUP_DATA))
    assert startup is not None
    assert data is not None
    # 100 ms less a wait of 40 and a third of the 50 ms of CPU time.
    assert (startup.low, startup.high) == pytest.approx((0.0433333, 0.1))
    assert (data.low, data.high) == pytest.approx((0.0433333, 0.12))
    assert found[metrics.STARTUP_CPU.name].bounds is None
    assert [r.counts for r in found.values()] == [True] * len(found)


def test_an_older_agents_disturbed_start_is_flagged_without_bounds() -> None:
    trial = disturbed()
    trial.outcome.startup.ClearField("disturbance")
    reading = readings(trial)[metrics.STARTUP.name]

    assert (reading.bounds, reading.counts) == (None, False)
    assert (reading.low, reading.high) == (reading.value, reading.value)


def test_wrong_answers_have_no_bounds() -> None:
    trial = disturbed()
    trial.outcome.checks_failed = 1

    assert not readings(trial)[metrics.STARTUP.name].counts


def test_jobs_one_after_another_are_fastest_where_their_times_are_shortest() -> None:
    job = Job(
        input="short",
        duration_seconds=0.5,
        exit_monotonic_ns=2000 * MS,
        exit_kernel_monotonic_ns=1900 * MS,
    )
    flag = Flag(code=FlagCode.EXIT_STAMPS_DISAGREE, effect=FlagEffect.FLAG_EFFECT_LOAD_INVALID)
    found = readings(Trial(TrialOutcome(jobs=[job], flags=[flag])))

    assert found[metrics.JOB.name].bounds == Interval(0.4, 0.5)
    assert found[metrics.JOBS_RATE.name].bounds == Interval(2, 2.5)


@pytest.mark.parametrize(
    ("phase", "spoiled"),
    [
        (Phase.PHASE_STARTUP, {metrics.RSS_STARTUP}),
        (Phase.PHASE_IDLE, {metrics.RSS_IDLE, metrics.MEMORY_HIGH_WATER}),
    ],
)
def test_an_agent_that_stood_still_spoils_what_was_read_in_that_phase(
    phase: Phase.ValueType, spoiled: set[Metric]
) -> None:
    trial = disturbed()
    trial.outcome.flags[0].CopyFrom(
        Flag(code=FlagCode.AGENT_STOOD_STILL, effect=PHASE_INVALID, phase=phase)
    )
    for each in (Phase.PHASE_STARTUP, Phase.PHASE_IDLE):
        trial.outcome.memory.append(
            PhaseMemory(phase=each, rss_bytes=1, rss_peak_bytes=1, high_water_bytes=1)
        )
    found = readings(trial)

    assert {name for name, r in found.items() if not r.counts} == {m.name for m in spoiled}
