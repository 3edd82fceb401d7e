"""Looks for the line of an app's output that says that it is ready, as it is written.

What an app writes is its own affair: lines are looked at up to a length, and up to a number
and a size in all. Whoever reads the output gives it piece by piece, at once.
"""

import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from headstart.words.foreign.patterns import MalformedPattern, Pattern, compile_pattern

# Of a line so much is searched.
LINE_BYTES = 16 << 10
MOST_LINES = 1_000_000
MOST_BYTES = 64 << 20
# Of RE2: what is about the whole text, and flags but the case of letters.
_ENDS = re.compile(r"\\[AzQ]|\(\?(?![i:]\)|:)")


def _of_many_lines(text: str) -> Pattern | None:
    """A pattern that is found in lines wherever `text` is found in one; None: none is known.

    Ends of the text are no ends of lines, and flags may make others of them.
    """
    if _ENDS.search(text):
        return None
    try:
        return compile_pattern(f"(?m){text}")
    except MalformedPattern:
        return None


class LineWatch:
    """Patterns that are to be found in order, each in a later line than the one before.

    `take` and `caught_up` are called by the thread that reads; the rest may be read by others.
    """

    def __init__(self, patterns: Sequence[str], on_ready: Callable[[], None]) -> None:
        """`on_ready` is called at once, by the thread that reads."""
        self._patterns = [compile_pattern(pattern) for pattern in patterns]
        self._in_pieces = [_of_many_lines(pattern) for pattern in patterns]
        self._on_ready = on_ready
        # Of each stream what came after its last line's end, and how much of it is left out.
        self._begun: dict[int, bytes] = {}
        # CLOCK_MONOTONIC when the piece was read that ended the line of each pattern.
        self.found_ns: list[int] = []
        self.lines = 0
        self.size_bytes = 0
        # The most that had come without the reader having seen the end of what was there.
        self.backlog_bytes = 0
        # For so long the reader was kept from a CPU since it had read all there was, and before.
        self.late_ns = 0
        self.run_delay_ns = 0
        # Set when all patterns were found, or when it is too much to go on.
        self.over = threading.Event()
        self._unread_bytes = 0
        self._delay_ns = self._first_delay_ns = 0
        self._thread = 0

    @property
    def is_ready(self) -> bool:
        """Whether all patterns were found."""
        return len(self.found_ns) == len(self._patterns)

    def begin(self, thread: int) -> None:
        """The id of the thread that reads, while the app waits in its gate."""
        self._thread = thread
        self._delay_ns = self._first_delay_ns = self._run_delay_ns()

    def take(self, data: bytes, stream: int = 1) -> None:
        """What was read just now, of stdout (1), stderr (2) or both."""
        if self.over.is_set():
            return
        now_ns = time.monotonic_ns()
        self.size_bytes += len(data)
        self._unread_bytes += len(data)
        self.backlog_bytes = max(self.backlog_bytes, self._unread_bytes)
        held = self._begun.pop(stream, b"")
        whole, end, begun = data.rpartition(b"\n")
        if end and self._may_be_in(whole := held + whole):
            self._look_at(whole.split(b"\n"), now_ns)
        elif end:
            self.lines += whole.count(b"\n") + 1
        # A line's beginning is kept; the rest of one that is too long is skipped.
        held = b"" if end else held
        self._begun[stream] = held + begun[: LINE_BYTES - len(held)]
        if self.over.is_set():
            return
        if self.lines >= MOST_LINES or self.size_bytes >= MOST_BYTES:
            self._begun.clear()
            self.over.set()

    def caught_up(self) -> None:
        """Nothing more is there to be read at this moment."""
        self._unread_bytes = 0
        if not self.over.is_set():
            self._delay_ns = self._run_delay_ns()

    def _look_at(self, lines: Sequence[bytes], now_ns: int) -> None:
        for line in lines:
            self.lines += 1
            if self._next_is_in(line[:LINE_BYTES].removesuffix(b"\r")):
                self.found_ns.append(now_ns)
                if self.is_ready:
                    self._ready()
                    return
            if self.lines >= MOST_LINES:
                return

    def _next_is_in(self, line: bytes) -> bool:
        return self._patterns[len(self.found_ns)].found_in(line)

    def _may_be_in(self, lines: bytes) -> bool:
        """False: none of them has it. One search of many lines is a hundred times as fast."""
        pattern = self._in_pieces[len(self.found_ns)]
        if pattern is None or len(lines) > pattern.limit_bytes or b"\r" in lines:
            return True
        return pattern.found_in(lines)

    def _ready(self) -> None:
        delay_ns = self._run_delay_ns()
        self.late_ns = max(delay_ns - self._delay_ns, 0)
        self.run_delay_ns = max(delay_ns - self._first_delay_ns, 0)
        self._begun.clear()
        try:
            self._on_ready()
        finally:
            self.over.set()

    def _run_delay_ns(self) -> int:
        """0 on a kernel that does not count it."""
        with suppress(OSError, IndexError, ValueError):
            text = Path(f"/proc/self/task/{self._thread}/schedstat").read_text()
            return int(text.split()[1])
        return 0
