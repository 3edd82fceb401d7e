"""The log of a build, whole as long as it is bearable: each line with the second of its arrival."""

from collections import deque

import zstandard

# A .NET build with a thousand warnings writes half a megabyte.
_LIMIT_BYTES = 8 << 20
# What a record may carry of it; text of compilers shrinks to a tenth.
_PACKED_BYTES = 512 << 10
_LEVEL = 9


class BuildLog:
    """Beginning and end stay when it grows too long: one says what ran, the other how it ended."""

    def __init__(self, limit_bytes: int = _LIMIT_BYTES) -> None:
        self._half = limit_bytes // 2
        self._head: list[bytes] = []
        self._head_bytes = 0
        self._end: deque[bytes] = deque()
        self._end_bytes = 0
        self._left_out = 0
        # All that was written, in bytes.
        self.bytes = 0

    def add(self, seconds: float, text: str) -> None:
        """One line, without its end."""
        line = f"{seconds:9.3f} {text}\n".encode("utf-8", "replace")
        self.bytes += len(line)
        if not self._end and self._head_bytes + len(line) <= self._half:
            self._head.append(line)
            self._head_bytes += len(line)
            return
        self._end.append(line)
        self._end_bytes += len(line)
        while self._end_bytes > self._half:
            self._end_bytes -= len(self._end.popleft())
            self._left_out += 1

    def packed(self, limit_bytes: int = _PACKED_BYTES) -> tuple[bytes, bool]:
        """zstd of the log, at most so large, and whether lines are missing from it."""
        mark = _mark(str(self._left_out)) if self._left_out else b""
        kept = b"".join([*self._head, mark, *self._end])
        packed = zstandard.compress(kept, _LEVEL)
        size = len(kept) // 2
        while len(packed) > limit_bytes:
            # Text that does not shrink: take ever less of both ends.
            size //= 2
            packed = zstandard.compress(
                kept[:size] + b"\n" + _mark("many") + kept[len(kept) - size :], _LEVEL
            )
        return packed, bool(mark) or size < len(kept) // 2


def _mark(lines: str) -> bytes:
    return f"          ... {lines} lines were left out here ...\n".encode()
