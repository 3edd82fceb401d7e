"""A start is flagged when its figures may be wrong, and only then."""

from typing import Any

import pytest

from headstart.agent.host.quiet import Quiet
from headstart.agent.probe.readings import Spent
from headstart.agent.probe.task import ProbeResult
from headstart.agent.trial.startup_validity import disturbance, flags, startup_seconds
from headstart.v1.experiment_pb2 import Check, HttpCheck, PageCache, Plan, Service
from headstart.v1.records_pb2 import Disturbance, ExecStamp, Flag, FlagEffect, Startup

QUIET = Quiet(0.2, 0.99, reached=True)
NOTE = FlagEffect.FLAG_EFFECT_NOTE
INVALID = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
MS = 1_000_000


def a_startup(startup_ms: float = 10, **changes: Any) -> Startup:
    """A start without a fault, from second 1 on."""
    begin = 1_000 * MS
    startup = Startup(
        start_call_monotonic_ns=begin - 300 * MS,
        gate_opened_monotonic_ns=begin - MS // 10,
        exec_monotonic_ns=begin,
        exec_kernel_monotonic_ns=begin + MS // 10,
        first_correct_response_monotonic_ns=begin + int(startup_ms * MS),
        exec_stamp=ExecStamp.EXEC_STAMP_GATE,
    )
    startup.MergeFrom(Startup(**changes))
    return startup


def spent(run_delay_ms: float, foreign_ms: float) -> Spent:
    return Spent(10 * MS, 1000, int(run_delay_ms * MS), int(foreign_ms * MS))


def flags_of(
    startup: Startup,
    result: ProbeResult | None = None,
    quiet: Quiet = QUIET,
    service: Service | None = None,
    plan: Plan | None = None,
) -> list[Flag]:
    return flags(startup, result or ProbeResult(), quiet, service or Service(), plan or Plan())


def codes(found: list[Flag]) -> dict[str, FlagEffect.ValueType]:
    return {flag.code: flag.effect for flag in found}


def test_a_start_without_a_fault_has_no_flag() -> None:
    result = ProbeResult(spent=spent(0.2, 0.2), error_ns=MS // 10)

    assert flags_of(a_startup(), result) == []


@pytest.mark.parametrize(
    ("startup_ms", "run_delay_ms", "foreign_ms", "flagged"),
    [
        (10, 0.29, 50, False),
        (10, 0.31, 50, True),
        (10, 50, 0.29, False),  # it waited, but behind itself
        (10, 50, 0.31, True),
        (100, 1.9, 50, False),  # 2 % of 100 ms
        (100, 2.1, 50, True),
    ],
)
def test_what_others_can_have_taken_from_the_app_invalidates(
    startup_ms: float, run_delay_ms: float, foreign_ms: float, flagged: bool
) -> None:
    found = flags_of(a_startup(startup_ms), ProbeResult(spent=spent(run_delay_ms, foreign_ms)))

    assert codes(found) == ({"server-run-delay": INVALID} if flagged else {})


def test_without_a_run_delay_nothing_is_said_of_it() -> None:
    assert flags_of(a_startup(), ProbeResult(spent=Spent(None, 0, None, 0))) == []


@pytest.mark.parametrize(
    ("startup_ms", "error_ms", "flagged"),
    [(10, 0.49, False), (10, 0.51, True), (100, 1.9, False), (100, 2.1, True)],
)
def test_a_prober_that_looked_away_when_it_counted_invalidates(
    startup_ms: float, error_ms: float, flagged: bool
) -> None:
    found = flags_of(a_startup(startup_ms), ProbeResult(error_ns=int(error_ms * MS)))

    assert codes(found) == ({"probe-error": INVALID} if flagged else {})
    assert all(flag.value > flag.limit for flag in found)


@pytest.mark.parametrize(("delay", "flagged"), [(0.0019, False), (0.0021, True)])
def test_a_prober_that_waited_when_it_did_not_count_is_noted(delay: float, flagged: bool) -> None:
    found = flags_of(a_startup(prober_run_delay_seconds=delay))

    assert codes(found) == ({"prober-run-delay": NOTE} if flagged else {})


@pytest.mark.parametrize(
    ("startup_ms", "apart_ms", "effect"),
    [
        (10, 0.4, None),
        (10, 0.6, INVALID),
        (100, 0.6, NOTE),
        (100, 2.1, INVALID),
        (100, -0.1, INVALID),
    ],
)
def test_two_stamps_of_the_exec_that_disagree(
    startup_ms: float, apart_ms: float, effect: FlagEffect.ValueType | None
) -> None:
    startup = a_startup(startup_ms)
    startup.exec_kernel_monotonic_ns = startup.exec_monotonic_ns + int(apart_ms * MS)
    found = flags_of(startup)

    assert codes(found) == ({} if effect is None else {"exec-stamps-disagree": effect})


def test_an_exec_that_reads_a_cold_disk_is_only_noted() -> None:
    startup = a_startup()
    startup.exec_kernel_monotonic_ns = startup.exec_monotonic_ns + 8 * MS
    found = flags_of(startup, plan=Plan(page_cache=PageCache.PAGE_CACHE_COLD))

    assert codes(found) == {"exec-stamps-disagree": NOTE}


def test_without_the_kernels_stamp_there_is_nothing_to_disagree_with() -> None:
    startup = a_startup()
    startup.ClearField("exec_kernel_monotonic_ns")

    assert flags_of(startup) == []


def test_a_start_without_a_stamp_of_its_exec_says_what_it_includes() -> None:
    startup = a_startup(exec_stamp=ExecStamp.EXEC_STAMP_DEGRADED)
    startup.ClearField("exec_monotonic_ns")
    (flag,) = flags_of(startup)

    assert (flag.code, flag.effect) == ("exec-stamp-degraded", NOTE)
    assert flag.value == pytest.approx(0.2999)
    assert startup_seconds(startup) == pytest.approx(0.310)


def test_the_kernels_stamp_stands_in_for_the_gates() -> None:
    startup = a_startup(exec_stamp=ExecStamp.EXEC_STAMP_PROC_CONNECTOR)
    startup.ClearField("exec_monotonic_ns")

    assert flags_of(startup) == []
    assert startup_seconds(startup) == pytest.approx(0.0099)


def test_a_host_that_did_not_become_quiet_is_noted() -> None:
    (flag,) = flags_of(a_startup(), quiet=Quiet(5.0, 0.5, reached=False))

    assert (flag.code, flag.effect, flag.value) == ("not-quiet", NOTE, 0.5)
    assert "50% idle" in flag.text


def test_a_wait_that_was_not_asked_for_is_not_noted() -> None:
    assert flags_of(a_startup(), quiet=Quiet(0.0, -1.0, reached=False)) == []


def test_answers_before_the_correct_one_are_noted_with_the_resolution() -> None:
    result = ProbeResult(incorrect_responses=3, retry_pause_ns=2 * MS)
    (flag,) = flags_of(a_startup(), result)

    assert (flag.code, flag.effect, flag.value) == ("asked-again", NOTE, 0.002)


@pytest.mark.parametrize(("startup_ms", "effect"), [(1200, INVALID), (90_000, NOTE)])
def test_a_start_that_counts_our_wait_for_another_request_is_invalid(
    startup_ms: float, effect: FlagEffect.ValueType
) -> None:
    (flag,) = flags_of(a_startup(startup_ms), ProbeResult(unanswered_ns=1000 * MS))

    assert (flag.code, flag.effect, flag.value) == ("request-unanswered", effect, 1.0)


def test_a_second_request_beside_the_answered_one_is_noted() -> None:
    result = ProbeResult(unanswered_ns=-1000 * MS, asked_meanwhile=True)

    assert codes(flags_of(a_startup(1200), result)) == {"asked-meanwhile": NOTE}


@pytest.mark.parametrize(("stamp_ns", "flagged"), [(0, True), (1, False)])
def test_a_missing_answer_with_data_is_noted(stamp_ns: int, flagged: bool) -> None:
    result = ProbeResult(first_data_response_ns=stamp_ns, wrong="status 500, body empty")
    found = flags_of(a_startup(), result, service=Service(first_data=Check(http=HttpCheck())))

    assert codes(found) == ({"no-data-response": NOTE} if flagged else {})
    assert all("status 500" in flag.text for flag in found)


@pytest.mark.parametrize(("kibibytes", "flagged"), [(511, False), (512, True)])
def test_a_log_that_was_not_read_in_time_invalidates(kibibytes: int, flagged: bool) -> None:
    found = flags_of(a_startup(), ProbeResult(log_backlog_bytes=kibibytes << 10))

    assert codes(found) == ({"log-backlog": INVALID} if flagged else {})


def test_what_may_not_have_been_the_apps_is_told_for_its_bounds() -> None:
    # Its clocks were read 2 ms after the stamp: so long it may have gone on, on both CPUs.
    result = ProbeResult(
        spent=Spent(30 * MS, 1000, 9 * MS, 8 * MS, waited_ns=8 * MS, cpus=2, cpu_read_ns=102 * MS),
        error_ns=MS // 2,
        unanswered_ns=3 * MS,
        first_correct_response_ns=100 * MS,
    )

    assert disturbance(result) == Disturbance(
        waited_seconds=0.008,
        probe_error_seconds=0.0005,
        unanswered_seconds=0.003,
        cpus=2,
        cpu_seconds=0.026,
    )


def test_a_wait_that_is_not_known_is_not_told_as_none() -> None:
    found = disturbance(ProbeResult(spent=Spent(30 * MS, 1000, None, 8 * MS)))

    assert not found.HasField("waited_seconds")
    assert (found.cpus, found.cpu_seconds) == (0, 0)
