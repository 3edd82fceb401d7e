"""An execution is flagged when its two stamps of the exit disagree, and only then."""

import pytest

from headstart.agent.instances import ExitFacts
from headstart.agent.runtimes.runtime import Written
from headstart.agent.trial.execution import Execution, exit_stamps
from headstart.v1.records_pb2 import ExecStamp, Flag, FlagEffect, Startup

INVALID = FlagEffect.FLAG_EFFECT_LOAD_INVALID
MS = 1_000_000


def execution(milliseconds: float, apart_ms: float | None) -> Execution:
    """It took so long by the agent's stamps; `apart_ms`: the kernel's is so much earlier."""
    begin = 1_000 * MS
    exit_ns = begin + int(milliseconds * MS)
    return Execution(
        startup=Startup(exec_monotonic_ns=begin, exec_stamp=ExecStamp.EXEC_STAMP_GATE),
        exit_ns=exit_ns,
        exit_kernel_ns=0 if apart_ms is None else exit_ns - int(apart_ms * MS),
        ended=ExitFacts(status=0),
        cpu_seconds=0.0,
        cpu_resolution_seconds=0.0,
        high_water_bytes=0,
        rss_seen_bytes=0,
        cgroup_peak_bytes=0,
        written=Written("", 0, b""),
        output_tail="",
    )


def flag_of(*executions: Execution) -> Flag | None:
    return exit_stamps("its short job", executions, INVALID)


@pytest.mark.parametrize(
    ("milliseconds", "apart_ms", "flagged"),
    [
        (10, 0.4, False),
        (10, 0.6, True),
        (10, -0.4, False),  # the kernel's stamp follows the news by some microseconds
        (10, -0.6, True),
        (100, 1.9, False),  # 2 % of 100 ms
        (100, 2.1, True),
        (10, None, False),  # a host without a connector
    ],
)
def test_stamps_apart_by_more_than_half_a_millisecond_and_2_percent_are_flagged(
    milliseconds: float, apart_ms: float | None, flagged: bool
) -> None:
    flag = flag_of(execution(milliseconds, apart_ms))

    assert (flag is not None) == flagged
    if flag is not None:
        assert (flag.code, flag.effect) == ("exit-stamps-disagree", INVALID)
        assert flag.value == pytest.approx((apart_ms or 0) / 1e3)
        assert abs(flag.value) > flag.limit


def test_of_many_executions_one_flag_tells_the_worst_and_how_many() -> None:
    flag = flag_of(execution(10, 0.1), execution(10, 3), execution(1_000, 21), execution(10, 0))

    assert flag is not None
    assert "2 of 4 executions" in flag.text
    assert "3.00 ms after" in flag.text
    assert flag.value == pytest.approx(0.003)


def test_a_kernels_stamp_that_is_later_is_told_as_such() -> None:
    flag = flag_of(execution(10, -2))

    assert flag is not None
    assert "2.00 ms before" in flag.text
