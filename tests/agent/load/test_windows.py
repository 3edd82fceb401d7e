"""Windows cover the phase without holes, fine at first, and add up to it."""

import itertools

import pytest

from headstart.agent.load.windows import Tally, add_up, cut, edges_us, in_messages
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import LatencyBasis, LoadWindow

SERVICE_TIME = LatencyBasis.LATENCY_BASIS_SERVICE_TIME


def widths(load: Load) -> list[int]:
    edges = edges_us(load)
    return [end - start for start, end in itertools.pairwise(edges)]


def test_windows_are_fine_for_five_seconds_and_then_coarse() -> None:
    assert widths(Load(duration_seconds=8)) == [100_000] * 50 + [1_000_000] * 3


def test_widths_may_be_stated() -> None:
    load = Load(duration_seconds=9, first_window_seconds=0.5, window_seconds=2)

    assert widths(load) == [500_000] * 10 + [2_000_000] * 2


@pytest.mark.parametrize(
    ("seconds", "last"),
    [(7.3, 1_300_000), (7.5, 500_000), (7.7, 700_000), (0.04, 40_000), (1.02, 120_000)],
)
def test_a_short_rest_belongs_to_the_last_window(seconds: float, last: int) -> None:
    load = Load(duration_seconds=seconds)

    assert widths(load)[-1] == last
    assert sum(widths(load)) == round(seconds * 1e6)


@pytest.mark.parametrize(
    ("end", "expected"),
    [(250, [0, 100, 200, 250]), (200, [0, 100, 200]), (900, [0, 100, 200, 300]), (0, [0])],
)
def test_a_phase_that_ended_early_is_cut_there(end: int, expected: list[int]) -> None:
    assert cut([0, 100, 200, 300], end) == expected


def window(start_us: int, *latencies: int, incorrect: int = 0) -> LoadWindow:
    counts = {us: latencies.count(us) for us in latencies}
    return Tally(len(latencies) + 1, incorrect, 1, 10, counts).window(start_us, 100)


def test_a_window_counts_the_requests_that_have_a_latency() -> None:
    made = window(300, 5, 5, 9, incorrect=2)

    assert (made.start_us, made.duration_us) == (300, 100)
    assert (made.completed, made.incorrect, made.failed, made.sent) == (3, 2, 1, 4)
    assert made.latency.total_us == 19


def test_a_phase_is_the_sum_of_its_windows() -> None:
    summary = add_up([window(0, 1), window(100), window(200, 3, 4, incorrect=1)], 77, SERVICE_TIME)

    assert (summary.completed, summary.incorrect, summary.failed) == (3, 1, 3)
    assert summary.duration_seconds == 300e-6
    assert (summary.latency.total_us, summary.latency.maximum_us) == (8, 4)
    assert summary.origin_monotonic_ns == 77


def test_a_phase_without_windows_is_empty() -> None:
    assert add_up([], 1, SERVICE_TIME).duration_seconds == 0


def test_long_phases_are_sent_in_several_messages() -> None:
    windows = [window(at) for at in range(0, 15_000, 100)]

    messages = in_messages(windows, 3, 77, SERVICE_TIME)

    assert [w for message in messages for w in message.windows] == windows
    assert len(messages) > 1
    assert {(m.trial, m.origin_monotonic_ns, m.latency_basis) for m in messages} == {
        (3, 77, SERVICE_TIME)
    }
