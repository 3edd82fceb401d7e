"""The arithmetic of the benchmarks: what they say of trials that are known."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import disturbed, drivers, networks, side_by_side
from bench.agent import cost_of
from bench.drivers_rows import Block, Served, latency_row, windows_row
from bench.observer import loss_of
from bench.peers_rows import Method, trials_needed
from bench.startup_rows import Row, Trial, agreement_row, startup_row
from headstart.v1.records_pb2 import (
    CheckOutcome,
    LoadSummary,
    LoadWindow,
    Phase,
    PhaseMemory,
    Startup,
    TrialOutcome,
    TrialStarted,
)
from support.histograms import histogram_of
from support.logging_server import build_logging_server

MS = 1_000_000


def trials(
    count: int, error_ms: float, *, valid: bool = True, apart_ms: float = 0.1
) -> list[Trial]:
    return [Trial(10.0, error_ms, 0.5, apart_ms, valid) for _ in range(count)]


def row(*groups: list[Trial], work_ms: int = 10) -> Row:
    return Row("process", work_ms, [trial for group in groups for trial in group])


@pytest.mark.parametrize(
    ("found", "ok"),
    [
        (row(trials(20, 0.1)), True),
        (row(trials(20, 0.1), trials(40, 9.0, valid=False)), True),  # others do not count
        (row(trials(9, 0.1)), None),  # too few to be judged
        (row(trials(20, 0.4)), False),  # bias
        (row(trials(18, 0.1), trials(2, 1.1)), False),  # 95th percentile
        (row(trials(15, 0.1), trials(5, 0.5)), False),  # spread
        (row(trials(15, 0.1), trials(5, 0.5), work_ms=50), True),  # no budget for it there
    ],
)
def test_a_row_of_startup_is_judged_by_its_valid_trials(found: Row, ok: bool | None) -> None:
    assert startup_row(found, judged_from=10).ok is ok


def test_a_row_says_how_many_of_how_many_trials_were_valid() -> None:
    measured = startup_row(
        row(trials(3, 0.1), trials(4, 0.1, valid=False)), judged_from=10
    ).measured

    assert "valid 3 of 7" in measured


@pytest.mark.parametrize(("apart_ms", "ok"), [(0.5, True), (0.6, False), (-0.1, False)])
def test_stamps_agree_when_the_kernels_follows_the_gates_within_half_a_millisecond(
    apart_ms: float, ok: bool
) -> None:
    found = agreement_row([row(trials(94, 0.1)), row(trials(6, 0.1, apart_ms=apart_ms))])

    assert found.ok is ok


def test_the_loss_is_of_sums_so_that_a_slice_of_nothing_says_nothing() -> None:
    even = [(99.0, 1.0, 100.0, 1.0)] * 50
    loss = loss_of([*even, (0.0, 0.001, 1.0, 0.001)])

    assert loss.share == pytest.approx(0.01, abs=0.001)
    assert loss.low <= loss.share <= loss.high


def test_a_trials_cost_is_all_of_its_time_but_phases_startup_and_the_quiet_wait() -> None:
    started = TrialStarted(trial=1, monotonic_ns=0)
    outcome = TrialOutcome(
        trial=1,
        variant="v",
        startup=Startup(
            start_call_monotonic_ns=20 * MS,
            engine_ready_monotonic_ns=100 * MS,
            gate_opened_monotonic_ns=1_140 * MS,
            quiet_wait_seconds=1.0,
            first_correct_response_monotonic_ns=1_500 * MS,
        ),
        memory=[
            PhaseMemory(phase=Phase.PHASE_STARTUP, monotonic_ns=1_501 * MS),
            PhaseMemory(phase=Phase.PHASE_IDLE, monotonic_ns=1_704 * MS),
        ],
        ended_monotonic_ns=1_805 * MS,
    )
    check = CheckOutcome(monotonic_ns=1_705 * MS)
    cost = cost_of(started, outcome, check, TrialStarted(trial=2, monotonic_ns=1_806 * MS))

    assert cost.parts == pytest.approx(
        {
            "create": 0.020,
            "start": 0.080,
            "arming": 0.040,
            "readings": 0.004,
            "checks": 0.001,
            "removal": 0.100,
            "to the next": 0.001,
        }
    )
    # 1.806 s, of which 1 s was waited, 0.36 s were startup and 0.2 s idle.
    assert cost.seconds == pytest.approx(0.246)


@pytest.mark.parametrize(
    ("own_ms", "host_ms", "ok"),
    [
        (10.1, 10.0, True),
        (10.29, 10.0, True),  # over 2 %, within 0.3 ms
        (11.0, 10.0, False),
        (9.0, 10.0, False),  # faster is not the same either
        (101.0, 100.0, True),
        (104.0, 100.0, False),  # over 0.3 ms, over 2 %
    ],
)
def test_networks_are_alike_within_two_percent_or_a_third_of_a_millisecond(
    own_ms: float, host_ms: float, ok: bool
) -> None:
    pairs = [(host_ms + 0.001 * n, own_ms + 0.001 * n) for n in range(10)]

    assert side_by_side.row(networks.WORDS, "startup", "ms", pairs).ok is ok


def test_networks_are_not_judged_by_what_the_host_did() -> None:
    wild = [(10.0, 10.0 + (n - 5)) for n in range(11)]

    assert side_by_side.row(networks.WORDS, "startup", "ms", wild).ok is None
    assert side_by_side.row(networks.WORDS, "startup", "ms", wild[:4]).ok is None
    assert side_by_side.row(networks.WORDS, "requests/s", "/s", [(1000.0, 1010.0)] * 6).ok is True


@pytest.mark.parametrize(
    ("spread", "needed"),
    [(0.5, 23), (1.0, 86), (0.01, 2)],  # 23 and 86: tables of the two-sided t test, power 90 %
)
def test_trials_that_tell_a_difference_are_those_of_the_t_test(spread: float, needed: int) -> None:
    assert trials_needed(spread, difference=0.5) == needed


def test_a_method_is_judged_by_its_error_not_by_how_the_work_varies() -> None:
    method = Method("start", "poll", "ms", [(61.0, 50.0), (72.0, 60.0), (83.0, 70.0)])

    assert (method.bias, method.spread) == (12.0, 1.0)


@pytest.mark.parametrize(
    ("decided", "wrong", "lost", "expected"),
    [
        (0.995, 0, 0.67, True),
        (0.995, 0, 0.5, True),
        (0.9, 0, 0.5, False),
        (0.9, 0, 0.67, None),
        (0.995, 1, 0.67, False),
    ],
)
def test_a_budget_that_is_met_is_met_however_crowded_the_cpu(
    decided: float, wrong: int, lost: float, expected: bool | None
) -> None:
    assert disturbed._judged(decided, wrong, lost) is expected


def driven(
    counts: Sequence[int], answered_ms: Sequence[float], *, took_us: int = 2000, **fields: Any
) -> Block:
    """Windows of 100 ms that hold so many answers each, beside a server that took 2 ms."""
    windows = [
        LoadWindow(start_us=at * 100_000, duration_us=100_000, completed=count)
        for at, count in enumerate(counts)
    ]
    summary = LoadSummary(connections=2, latency=histogram_of([took_us] * sum(counts)), **fields)
    answered = np.array([round(ms * MS) for ms in answered_ms], dtype=np.int64)
    return Block(windows, summary, Served(answered, np.full(len(answered), 2 * MS)))


@pytest.mark.parametrize(
    ("counts", "answered_ms", "apart", "shift_us"),
    [
        ((2, 1), (10, 99, 150), 0, 0),
        ((1, 2), (10, 99, 150), 1, 1000),  # the second one came after the edge
        ((2, 1), (10, 105, 150), 1, 5000),  # before it was written: the clocks are apart
        ((2, 1), (10, 99, 150, 199, 205), 2, 0),  # on its way at the end
    ],
)
def test_answers_of_windows_are_those_that_the_server_wrote_until_their_edges(
    counts: Sequence[int], answered_ms: Sequence[float], apart: int, shift_us: float
) -> None:
    found = driven(counts, answered_ms)

    assert (found.apart(), found.shift_us()) == (apart, shift_us)


def test_windows_may_differ_by_what_is_on_its_way_only() -> None:
    late, lost = driven((0, 3), (10, 99, 150)), driven((0, 1), (10, 99, 150, 160))

    assert windows_row("", [late]).ok is True
    assert windows_row("", [late, lost]).ok is False


def test_a_load_as_a_whole_is_held_against_all_that_the_server_answered() -> None:
    found = driven((3,), (10, 99, 150), without_series=True)

    assert found.pairs() == [(3, 3)]


@pytest.mark.parametrize(
    ("took_us", "stated_us", "waited", "ok"),
    [
        (2290, 0, 0.0, True),
        (2400, 0, 0.0, False),
        (2400, 0, 0.02, None),  # for a CPU that something else had
        (2290, 0, 0.02, True),
        (2400, 200, 0.0, False),  # what is stated is stated of p99
        (1600, 0, 0.0, False),  # faster than the server is wrong too
    ],
)
def test_latencies_are_the_servers_within_a_third_of_a_millisecond(
    took_us: int, stated_us: int, waited: float, ok: bool | None
) -> None:
    found = driven((2,), (10, 20), took_us=took_us, send_lateness_p99_us=stated_us)
    found = Block(found.windows, found.summary, found.served, waited)

    assert latency_row("", [found]).ok is ok


@pytest.mark.alone
@pytest.mark.compiler
@pytest.mark.parametrize(
    "subject", [pytest.param(each, id=each.name) for each in drivers.subjects(1.0)]
)
def test_a_driver_counts_what_the_server_answered(subject: drivers.Subject, tmp_path: Path) -> None:
    found = drivers.block(subject, build_logging_server(tmp_path))

    assert found.summary.completed > drivers.CONNECTIONS
    assert windows_row(subject.name, [found]).ok is True
