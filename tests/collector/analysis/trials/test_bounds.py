"""A disturbed trial lies between two bounds that its own record gives, or has none."""

from typing import Any

import pytest

from headstart.collector.analysis.trials.bounds import CPU_GROWTH, corners_of
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.v1.records_pb2 import (
    Disturbance,
    ExecStamp,
    Flag,
    FlagEffect,
    Job,
    Startup,
    TrialOutcome,
)
from headstart.words.flags import FlagCode
from headstart.words.metric import Stage

MS = 1_000_000
EXEC_NS = 1_000 * MS
STARTUP_INVALID = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
LOAD_INVALID = FlagEffect.FLAG_EFFECT_LOAD_INVALID


def a_start(
    *codes: str, measured_ms: float = 100, told: Disturbance | None = None, **stamps: Any
) -> Trial:
    startup = Startup(
        exec_monotonic_ns=EXEC_NS,
        exec_stamp=ExecStamp.EXEC_STAMP_GATE,
        first_correct_response_monotonic_ns=EXEC_NS + int(measured_ms * MS),
        disturbance=told,
        **stamps,
    )
    flags = [Flag(code=code, effect=STARTUP_INVALID) for code in codes]
    return Trial(TrialOutcome(trial=1, startup=startup, flags=flags))


def bounds_ms(trial: Trial) -> tuple[float, float] | None:
    corners = corners_of(trial, Stage.STARTUP)
    if corners is None:
        return None
    low, high = ((each.first_response_ns - each.exec_ns) / MS for each in corners)
    return round(low, 3), round(high, 3)


def test_a_start_beside_others_may_have_waited_less_and_used_less_cpu_time() -> None:
    """Of 55 ms without the wait 50 ms were work on a CPU, which alone takes a third less."""
    told = Disturbance(waited_seconds=0.045, cpus=1, cpu_seconds=0.05)
    low = 55 - 50 * (1 - 1 / CPU_GROWTH)

    assert bounds_ms(a_start(FlagCode.SERVER_RUN_DELAY, told=told)) == (round(low, 3), 100)


def test_a_prober_that_looked_late_did_not_make_the_app_slower() -> None:
    told = Disturbance(probe_error_seconds=0.004, cpus=1, cpu_seconds=0.05)

    assert bounds_ms(a_start(FlagCode.PROBE_ERROR, told=told)) == (96, 100)


@pytest.mark.parametrize(
    ("told", "low"),
    [
        # The wait may be all of it, the CPU time was used all the same.
        (Disturbance(waited_seconds=0.120, cpus=1, cpu_seconds=0.06), 60 / CPU_GROWTH),
        (Disturbance(waited_seconds=0.120, cpus=2, cpu_seconds=0.06), 30 / CPU_GROWTH),
        # What is not known is no bound; the CPU time alone is one.
        (Disturbance(cpus=1, cpu_seconds=0.06), 60 / CPU_GROWTH),
        # No bound is above what was measured.
        (Disturbance(waited_seconds=0.01, cpus=1, cpu_seconds=0.9), 100),
    ],
)
def test_a_start_took_no_less_than_its_own_work(told: Disturbance, low: float) -> None:
    assert bounds_ms(a_start(FlagCode.SERVER_RUN_DELAY, told=told)) == (round(low, 3), 100)


def test_all_that_may_have_been_added_is_taken_away() -> None:
    codes = (
        FlagCode.SERVER_RUN_DELAY,
        FlagCode.PROBE_ERROR,
        FlagCode.REQUEST_UNANSWERED,
        FlagCode.EXEC_STAMPS_DISAGREE,
    )
    told = Disturbance(waited_seconds=0.02, probe_error_seconds=0.004, unanswered_seconds=0.01)

    trial = a_start(*codes, told=told, exec_kernel_monotonic_ns=EXEC_NS + 3 * MS)

    # Without a known CPU time all of what is left may have been work that grew.
    assert bounds_ms(trial) == (round(63 / CPU_GROWTH, 3), 100)


@pytest.mark.parametrize(
    ("codes", "told", "kernel_ns"),
    [
        # An agent from before told nothing of it.
        ([FlagCode.SERVER_RUN_DELAY], None, 0),
        ([FlagCode.PROBE_ERROR], None, 0),
        # Neither the wait nor the CPU time is known.
        ([FlagCode.SERVER_RUN_DELAY], Disturbance(), 0),
        # Stamps that contradict each other bound nothing.
        ([FlagCode.EXEC_STAMPS_DISAGREE], Disturbance(), EXEC_NS - MS),
        # A flag that is not known here.
        (["of-a-newer-agent"], Disturbance(waited_seconds=0, cpus=1, cpu_seconds=0.1), 0),
    ],
)
def test_some_flags_admit_no_bounds(
    codes: list[str], told: Disturbance | None, kernel_ns: int
) -> None:
    assert bounds_ms(a_start(*codes, told=told, exec_kernel_monotonic_ns=kernel_ns)) is None


def test_a_trial_that_is_invalid_as_a_whole_has_no_bounds() -> None:
    trial = a_start(told=Disturbance(waited_seconds=0.01))
    trial.outcome.flags.add(code="x", effect=FlagEffect.FLAG_EFFECT_TRIAL_INVALID)

    assert corners_of(trial, Stage.STARTUP) is None


def test_an_answer_with_data_is_bounded_by_the_first_correct_one() -> None:
    told = Disturbance(waited_seconds=0.045, cpus=1, cpu_seconds=0.05)
    trial = a_start(
        FlagCode.SERVER_RUN_DELAY, told=told, first_data_response_monotonic_ns=EXEC_NS + 130 * MS
    )

    corners = corners_of(trial, Stage.STARTUP)

    assert corners is not None
    assert [
        (each.outcome.startup.first_data_response_monotonic_ns - EXEC_NS) / MS for each in corners
    ] == pytest.approx([55 - 50 * (1 - 1 / CPU_GROWTH), 130])
    # The trial itself stays as it was recorded.
    assert trial.first_response_ns == EXEC_NS + 100 * MS


@pytest.mark.parametrize(
    ("kernel_ms", "expected"), [(93, (93, 100)), (102, (100, 102)), (0, (100, 100))]
)
def test_the_end_of_a_trivial_case_lies_between_both_stamps(
    kernel_ms: float, expected: tuple[float, float]
) -> None:
    trial = a_start(
        FlagCode.EXIT_STAMPS_DISAGREE,
        exit_kernel_monotonic_ns=EXEC_NS + int(kernel_ms * MS) if kernel_ms else 0,
    )

    assert bounds_ms(trial) == expected


def test_jobs_end_between_both_stamps_of_their_exit() -> None:
    jobs = [
        Job(
            input="short",
            duration_seconds=0.5,
            exit_monotonic_ns=10**9,
            exit_kernel_monotonic_ns=kernel,
        )
        for kernel in (10**9 - 100 * MS, 10**9 + 20 * MS, 0)
    ]
    flag = Flag(code=FlagCode.EXIT_STAMPS_DISAGREE, effect=LOAD_INVALID)
    corners = corners_of(Trial(TrialOutcome(jobs=jobs, flags=[flag])), Stage.JOBS)

    assert corners is not None
    fast, slow = ([round(job.duration_seconds, 3) for job in each.outcome.jobs] for each in corners)
    assert (fast, slow) == ([0.4, 0.5, 0.5], [0.5, 0.52, 0.5])


def test_under_load_nothing_is_bounded() -> None:
    flag = Flag(code=FlagCode.GENERATOR_STARVED, effect=LOAD_INVALID)

    assert corners_of(Trial(TrialOutcome(flags=[flag])), Stage.LOAD) is None
    assert corners_of(Trial(TrialOutcome(flags=[flag])), Stage.JOBS) is None
