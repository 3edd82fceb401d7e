"""What a driver counted and timed, held against what the server logged of the same load."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import numpy.typing as npt

from bench.table import BenchRow
from headstart.collector.analysis.statistics.histogram import counts_of, quantiles_seconds
from headstart.v1.records_pb2 import LoadSummary, LoadWindow

SHARE = 0.05
LEAST_MS = 0.3
# Of a load that server or generator waited for a CPU that something else had.
QUIET_SHARE = 0.01
_QUANTILES = (0.5, 0.99)


@dataclass(frozen=True)
class Served:
    """Of each answer, in their order, when it was written and how long after its request, in ns."""

    answered_ns: npt.NDArray[np.int64]
    service_ns: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """One load as its driver and as its server saw it."""

    windows: Sequence[LoadWindow]
    summary: LoadSummary
    served: Served
    # Share of the load that server or generator waited for their CPUs.
    waited: float = 0.0

    def pairs(self) -> list[tuple[int, int]]:
        """Answers of each window by the driver, and by the server in the same time.

        A load without a series is one window, whose edges its driver knows to some ms only:
        of it all that the server answered.
        """
        if self.summary.without_series:
            return [(self.windows[0].completed, len(self.served.answered_ns))]
        ends = [self._end_ns(window) for window in self.windows]
        before = [0, *np.searchsorted(self.served.answered_ns, ends).tolist()]
        theirs = [after - until for until, after in itertools.pairwise(before)]
        return [(w.completed, count) for w, count in zip(self.windows, theirs, strict=True)]

    def apart(self) -> int:
        """Answers before an edge, or in all: by how many driver and server differ, at most.

        Sums from the begin, so that what one window misses must be in the next.
        """
        ours = theirs = most = 0
        for own, other in self.pairs():
            ours, theirs = ours + own, theirs + other
            most = max(most, abs(ours - theirs))
        return max(most, abs(len(self.served.answered_ns) - ours))

    def shift_us(self) -> float:
        """By how much the worst edge had to move so that both counted the same before it."""
        answered, ours, worst = self.served.answered_ns, 0, 0
        for window in self.windows[:-1]:
            ours += window.completed
            edge = self._end_ns(window)
            worst = max(worst, int(answered[ours - 1]) - edge, edge - int(answered[ours]))
        return worst / 1e3

    def errors_ms(self) -> list[float]:
        """Of p50 and p99: the driver's less the server's."""
        ours = quantiles_seconds(counts_of(self.summary.latency), _QUANTILES)
        assert ours is not None, "nothing was answered"
        return [own * 1e3 - other for own, other in zip(ours, self.own_ms(), strict=True)]

    def own_ms(self) -> list[float]:
        """p50 and p99 of the server itself."""
        return [float(np.quantile(self.served.service_ns, share)) / 1e6 for share in _QUANTILES]

    def stated_ms(self) -> list[float]:
        """What the load's record states as the generator's own share, of p50 and p99."""
        return [0.0, self.summary.send_lateness_p99_us / 1e3]

    def _end_ns(self, window: LoadWindow) -> int:
        end_us = window.start_us + window.duration_us
        return self.summary.origin_monotonic_ns + end_us * 1000


def windows_row(name: str, blocks: Sequence[Block]) -> BenchRow:
    """Whether the windows hold what the server answered in them."""
    pairs = [pair for block in blocks for pair in block.pairs()]
    equal = sum(own == other for own, other in pairs)
    apart = max(block.apart() for block in blocks)
    connections = blocks[0].summary.connections
    kind, edges = "loads as a whole", ""
    if not blocks[0].summary.without_series:
        kind = "windows"
        edges = f", edges within {max(block.shift_us() for block in blocks):.0f} us"
    return BenchRow(
        what=f"{name}: requests in a window",
        measured=f"{equal} of {len(pairs)} {kind} equal, at an edge at most {apart} apart{edges}",
        budget=f"equal but for what is on its way at an edge, <= {connections}",
        ratio=f"{sum(other for _, other in pairs):,} answers in the server's log",
        ok=apart <= connections,
    )


def latency_row(name: str, blocks: Sequence[Block]) -> BenchRow:
    """Whether p50 and p99 are the server's, but for what the driver states of itself."""
    quiet = [block for block in blocks if block.waited <= QUIET_SHARE]
    taken = quiet or blocks
    errors, own, stated = (
        [median(values) for values in zip(*(take(block) for block in taken), strict=True)]
        for take in (Block.errors_ms, Block.own_ms, Block.stated_ms)
    )
    within = all(
        abs(error) <= max(SHARE * truth, LEAST_MS) + share
        for error, truth, share in zip(errors, own, stated, strict=True)
    )
    ratio = f"the server's own {own[0]:.2f}; {own[1]:.2f} ms"
    if stated[1]:
        ratio += f"; stated lateness p99 {stated[1]:.2f} ms"
    return BenchRow(
        what=f"{name}: latency p50; p99 beyond the server's own",
        measured=f"{errors[0]:+.2f}; {errors[1]:+.2f} ms ({len(quiet)} quiet of {len(blocks)})",
        budget=f"within {SHARE:.0%} or {LEAST_MS:g} ms, and what is stated",
        ratio=ratio,
        ok=True if within else False if quiet else None,
    )
