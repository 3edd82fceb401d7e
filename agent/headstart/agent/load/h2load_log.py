"""What h2load writes: the log of its requests and the sums it prints at the end. Pure.

A line of the log is "start<TAB>status<TAB>duration": microseconds of Unix time,
the HTTP status or -1 for a failed request, microseconds until the answer's end. The
status is 0 where the answer has no reason phrase ("HTTP/1.1 200"; 1.52): it is not told.
Later versions may add columns. With several threads lines may be out of order.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import add

from headstart.agent.load.windows import Tally

_FAILED = b"-1"
_UNTOLD = b"0"


@dataclass(frozen=True)
class Sums:
    """What h2load counted itself; None where it did not say."""

    done: int
    # Of those, requests that got no answer.
    errored: int
    received_bytes: int


class LogTally:
    """Counts the log's requests into windows, piece by piece.

    `edges_us` are the windows' edges in microseconds of the log's clock, from
    the first request on. A window holds the requests that ended in it.
    """

    def __init__(self, edges_us: Sequence[float], expected_status: int) -> None:
        self._relative_edges = edges_us
        self._expected = expected_status
        self._starts: list[float] = []
        windows = len(edges_us) - 1
        self._sent = [0] * windows
        self._incorrect = [0] * windows
        self._failed = [0] * windows
        self._latencies: list[Counter[int]] = [Counter() for _ in range(windows)]
        # Unix time of the first request in us; 0: the log is empty.
        self.first_start_us = 0
        self.last_end_us = 0
        self.first_wrong_status = ""
        # Answers whose status the log does not tell, by window.
        self.untold = [0] * windows

    def add(self, lines: bytes) -> None:
        """Count a piece of the log: whole lines, best of 64 KiB or so.

        ValueError when they are not of a log.
        """
        columns = lines[: lines.find(b"\n")].count(b"\t") + 1
        fields = lines.split()
        if columns < 3 or len(fields) % columns:
            raise ValueError(f"not a log of h2load: {lines[:60]!r}")
        starts = list(map(int, fields[0::columns]))
        statuses = fields[1::columns]
        durations = list(map(int, fields[2::columns]))
        ends = list(map(add, starts, durations))
        if not self.first_start_us:
            self.first_start_us = min(starts)
            self._starts = [self.first_start_us + edge for edge in self._relative_edges[:-1]]
        self.last_end_us = max(self.last_end_us, max(ends))
        self._count_sent(starts)
        first, last = self._window(min(ends)), self._window(max(ends))
        if first == last:
            self._count_ended(first, statuses, durations)
            return
        # A piece over an edge: one part for each window, in the order of the log.
        parts: dict[int, tuple[list[bytes], list[int]]] = {}
        for end, status, duration in zip(ends, statuses, durations, strict=True):
            part = parts.setdefault(self._window(end), ([], []))
            part[0].append(status)
            part[1].append(duration)
        for window in sorted(parts):
            self._count_ended(window, *parts[window])

    def tallies(self) -> Iterator[Tally]:
        """One for every window, in order; the log knows nothing of bytes."""
        columns = (self._sent, self._incorrect, self._failed, self._latencies)
        for sent, incorrect, failed, latencies in zip(*columns, strict=True):
            yield Tally(sent, incorrect, failed, 0, latencies)

    def _window(self, at_us: int) -> int:
        return max(0, bisect_right(self._starts, at_us) - 1)

    def _count_sent(self, starts: list[int]) -> None:
        first = self._window(min(starts))
        if first == self._window(max(starts)):
            self._sent[first] += len(starts)
        else:
            for start in starts:
                self._sent[self._window(start)] += 1

    def _count_ended(self, window: int, statuses: list[bytes], durations: list[int]) -> None:
        by_status = Counter(statuses)
        failed = by_status.pop(_FAILED, 0)
        self.untold[window] += by_status.pop(_UNTOLD, 0)
        wrong = sum(count for status, count in by_status.items() if not self._is_right(status))
        self._failed[window] += failed
        self._incorrect[window] += wrong
        if wrong and not self.first_wrong_status:
            self.first_wrong_status = next(
                status.decode()
                for status in statuses
                if status not in (_FAILED, _UNTOLD) and not self._is_right(status)
            )
        if failed:
            durations = [
                duration
                for status, duration in zip(statuses, durations, strict=True)
                if status != _FAILED
            ]
        self._latencies[window].update(durations)

    def _is_right(self, status: bytes) -> bool:
        return int(status) == self._expected if self._expected else 200 <= int(status) <= 299


def parse_sums(output: str) -> Sums | None:
    """The sums at the end of h2load's output; None when it did not come so far."""
    requests = re.search(r"^requests: .*?(\d+) done, .*?(\d+) errored, ", output, re.MULTILINE)
    traffic = re.search(r"^traffic: \S+ \((\d+)\) total", output, re.MULTILINE)
    if requests is None or traffic is None:
        return None
    return Sums(int(requests[1]), int(requests[2]), int(traffic[1]))


def parse_protocol(output: str) -> str:
    """What was spoken, such as "HTTP/2 over TLS 1.3"; empty: it does not say.

    "TLS 1.3" alone: both sides could not agree on what to speak over it.
    """
    tls = re.search(r"^TLS Protocol: TLSv(\S+)", output, re.MULTILINE)
    application = re.search(r"^Application protocol: (\S+)", output, re.MULTILINE)
    if application is None:
        return f"TLS {tls[1]}" if tls else ""
    name = "HTTP/2" if application[1] in ("h2", "h2c") else application[1].upper()
    return f"{name} over TLS {tls[1]}" if tls else name
