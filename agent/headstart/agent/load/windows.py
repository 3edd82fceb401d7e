"""The windows of a load phase: where they begin and end, and what they add up to.

A request is counted in the window in which it completed. Windows are fine while
the app warms up, and the edges are fixed before the load begins, so that a
window's width never depends on when a timer woke up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headstart.agent.load.histogram import histogram_of_counts, merge
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import LatencyBasis, LoadSummary, LoadWindow, LoadWindows
from headstart.words.windows import FINE_SECONDS

FINE_UNTIL_US = round(FINE_SECONDS * 1e6)
_FINE_SECONDS = 0.1
_SECONDS = 1.0
# A LoadWindows message stays far below the largest that the stream takes, 1 MiB.
_WINDOWS_PER_MESSAGE = 60


def edges_us(load: Load) -> list[int]:
    """Begin of every window from the load's begin, and the end of the last one.

    A rest shorter than half a window is added to the last one: its rate would be
    mostly noise.
    """
    fine = _us(load.first_window_seconds or _FINE_SECONDS)
    coarse = _us(load.window_seconds or _SECONDS)
    end = _us(load.duration_seconds)
    edges = [0]
    while edges[-1] < end:
        width = fine if edges[-1] < FINE_UNTIL_US else coarse
        edges.append(edges[-1] + width)
        if end - edges[-1] < width / 2:
            edges[-1] = end
    return edges


def cut(edges: Sequence[int], end_us: int) -> list[int]:
    """The edges of a phase that ended early."""
    return [*(edge for edge in edges if edge < end_us), end_us] if end_us < edges[-1] else [*edges]


def _us(seconds: float) -> int:
    return round(seconds * 1e6)


@dataclass
class Tally:
    """What was counted in one window; `latencies` are counts by whole microseconds."""

    sent: int
    incorrect: int
    failed: int
    received_bytes: int
    latencies: Mapping[int, int]

    def window(self, start_us: int, duration_us: int) -> LoadWindow:
        """The record of it: completed is every request that has a latency."""
        latency = histogram_of_counts(self.latencies)
        return LoadWindow(
            start_us=start_us,
            duration_us=duration_us,
            completed=sum(latency.count),
            incorrect=self.incorrect,
            failed=self.failed,
            sent=self.sent,
            received_bytes=self.received_bytes,
            latency=latency,
        )


def in_messages(
    windows: Sequence[LoadWindow],
    trial: int,
    origin_monotonic_ns: int,
    basis: LatencyBasis.ValueType,
) -> list[LoadWindows]:
    """The windows as the records that are sent."""
    return [
        LoadWindows(
            trial=trial,
            origin_monotonic_ns=origin_monotonic_ns,
            windows=windows[first : first + _WINDOWS_PER_MESSAGE],
            latency_basis=basis,
        )
        for first in range(0, len(windows), _WINDOWS_PER_MESSAGE)
    ]


def add_up(
    windows: Sequence[LoadWindow], origin_monotonic_ns: int, basis: LatencyBasis.ValueType
) -> LoadSummary:
    """What follows from the windows alone; the driver fills in the rest."""
    end_us = max((window.start_us + window.duration_us for window in windows), default=0)
    return LoadSummary(
        origin_monotonic_ns=origin_monotonic_ns,
        duration_seconds=end_us / 1e6,
        completed=sum(window.completed for window in windows),
        incorrect=sum(window.incorrect for window in windows),
        failed=sum(window.failed for window in windows),
        latency=merge(window.latency for window in windows),
        latency_basis=basis,
    )
