"""Of a rate that rises: the highest that was held, and latency at every one."""

import pytest

from headstart.collector.analysis.trials.load import load_of
from headstart.collector.analysis.trials.ramp import first_not_held, ramps_of, rate_readings
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity
from headstart.v1.experiment_pb2 import Experiment, Load
from headstart.v1.records_pb2 import (
    Flag,
    FlagEffect,
    LoadSummary,
    LoadWindow,
    LoadWindows,
    TrialOutcome,
)
from headstart.words import metrics
from support.fake_runs import latencies

# From 100 to 1,100 requests/s in 20 s, in windows of a second: 125, 175, ... 1,075.
RISING = Experiment(
    load=Load(rate_per_second=100, rate_to_per_second=1100, duration_seconds=20, connections=16)
)


def trial(capacity: float, **outcome: object) -> Trial:
    """A server that answers so many requests/s, and the second in which it owes the rest."""
    windows = []
    for second in range(20):
        offered = 125 + 50 * second
        served = round(min(offered, capacity))
        last = second == 19
        windows.append(
            LoadWindow(
                start_us=second * 1_000_000,
                duration_us=2_500_000 if last else 1_000_000,
                offered=offered,
                completed=served,
                latency=latencies(served, 0.001 if offered <= capacity else 0.5),
            )
        )
    return Trial(
        TrialOutcome(trial=3, block=2, variant="aot", **outcome),  # type: ignore[arg-type]  # fields
        loads=[LoadWindows(trial=3, origin_monotonic_ns=1, windows=windows)],
    )


def test_the_highest_rate_that_was_held_is_found() -> None:
    (ramp,) = ramps_of(RISING, [trial(capacity=600)])

    assert ramp.saturated
    # 575 is served, 625 by 96 %.
    assert ramp.held_per_second == pytest.approx(575)
    assert ramp.offered_per_second[0] == 125
    assert ramp.throughput_per_second[-1] == pytest.approx(600)
    low, high = ramp.latency_p99_seconds[0], ramp.latency_p99_seconds[-1]
    assert low is not None
    assert high is not None
    assert high > 100 * low


def test_what_was_owed_at_the_end_is_left_out() -> None:
    (ramp,) = ramps_of(RISING, [trial(capacity=600)])

    assert len(ramp.offered_per_second) == 19


def test_a_server_that_held_every_rate_is_not_saturated() -> None:
    (ramp,) = ramps_of(RISING, [trial(capacity=5000)])

    assert not ramp.saturated
    assert ramp.held_per_second == pytest.approx(1025)


def test_a_server_that_held_none_has_no_figure() -> None:
    hurt = trial(capacity=50)
    ramps = ramps_of(RISING, [hurt])

    assert ramps[0].held_per_second is None
    assert rate_readings(ramps, [hurt]) == {}


@pytest.mark.parametrize(
    ("throughput", "expected"),
    [
        ([100, 200, 300, 400], 4),
        ([100, 150, 350, 400], 4),
        ([100, 200, 300, 350], 4),
        ([100, 200, 250, 250], 2),
        ([50, 50, 50, 50], 0),
    ],
    ids=["held", "one-stall", "stall-at-the-end", "saturated", "never"],
)
def test_only_what_lasts_counts(throughput: list[float], expected: int) -> None:
    assert first_not_held([100, 200, 300, 400], throughput) == expected


def test_wrong_answers_beyond_saturation_do_not_spoil_the_trial() -> None:
    summary = LoadSummary(completed=1000, incorrect=200)
    overloaded = trial(capacity=600, load=summary)
    readings = rate_readings(ramps_of(RISING, [overloaded]), [overloaded])

    assert [r.validity for r in readings[metrics.RATE_HELD.name, "aot"]] == [Validity.VALID]


def test_a_flagged_load_is_flagged() -> None:
    flag = Flag(code="generator-starved", effect=FlagEffect.FLAG_EFFECT_LOAD_INVALID)
    flagged = trial(capacity=600, flags=[flag])
    readings = rate_readings(ramps_of(RISING, [flagged]), [flagged])

    assert [r.validity for r in readings[metrics.RATE_HELD.name, "aot"]] == [Validity.FLAGGED]


def test_steps_are_the_cells() -> None:
    stepped = Experiment(load=RISING.load)
    stepped.load.rate_steps = 5
    (ramp,) = ramps_of(stepped, [trial(capacity=5000)])

    assert len(ramp.offered_per_second) == 5
    assert ramp.offered_per_second[0] == pytest.approx(200)


def test_a_constant_rate_is_no_ramp() -> None:
    constant = Experiment(load=Load(rate_per_second=100, duration_seconds=20))

    assert ramps_of(constant, [trial(capacity=600)]) == ()


def test_a_rising_rate_shows_no_course_of_the_app() -> None:
    found = load_of(trial(capacity=600), valid=True)

    assert found is not None
    assert found.warmup.shape == "rising rate"
    assert found.warmup.reason == "was asked at a rate that was made to rise"
    assert found.warmup.steady_from_seconds is None
    assert found.warmup.first_seconds_per_second is None
    assert found.throughput_per_second is None
    assert found.latency_whole_p99_seconds is None
