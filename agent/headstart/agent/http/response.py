"""An HTTP/1.1 answer, taken in as it arrives; RFC 9112, sections 4 to 7.

A measured program wrote it: time is linear in the bytes that arrive, however they are
cut, and memory is bounded. When to give up on an answer without end is the caller's.

Lines of heads and trailers may end with a line feed alone, which section 2.2 permits a
recipient to take; the frames of chunks may not.
"""

from collections.abc import Callable

from headstart.agent.http.checks import BODY_LIMIT_BYTES

# All heads of one answer together: those of interim answers, its own, its trailers.
_HEAD_LIMIT_BYTES = 1 << 16
# The line that says how long a chunk is.
_LINE_LIMIT_BYTES = 1 << 12
_DIGITS = {10: frozenset("0123456789"), 16: frozenset("0123456789abcdefABCDEF")}


class NotHttp(ValueError):
    """What came is not an HTTP/1 answer; the message says why."""


class Answer:
    """Feed it what the socket gives until it is complete.

    Of a long body `body` holds the first `BODY_LIMIT_BYTES` + 1 bytes; the rest
    is taken in and forgotten.
    """

    def __init__(self, to_head: bool = False) -> None:
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.body = bytearray()
        self.complete = False
        # "HTTP/1.1 200 OK" and not "HTTP/1.1 200"; some clients read the latter wrongly.
        self.has_reason_phrase = False
        # The connection cannot be asked again.
        self.closes = False
        self._to_head = to_head
        self._buffer = bytearray()
        # Where in the buffer the next part begins, and up to where it was searched.
        self._at = 0
        self._searched = 0
        self._left = 0
        self._head_bytes = 0
        # Each step takes its part of the buffer and returns whether it got on. Not bound
        # to self: that would be a cycle, and garbage, with every answer of a load.
        self._step: Callable[[Answer], bool] = Answer._head

    def feed(self, data: bytes | memoryview) -> bool:
        """Take in what arrived; True once the answer is complete. Raises NotHttp."""
        self._buffer += data
        while not self.complete and self._step(self):
            pass
        del self._buffer[: self._at]
        self._searched = max(0, self._searched - self._at)
        self._at = 0
        if self.complete and self._buffer:
            self.closes = True  # more than one answer to one question
        return self.complete

    def end(self) -> bool:
        """The server closed the connection; True when that completes the answer."""
        self.closes = True
        if self._step is Answer._until_close:
            self.complete = True
        return self.complete

    def _head(self) -> bool:
        head = self._until_empty_line(_HEAD_LIMIT_BYTES - self._head_bytes)
        if head is None:
            start = self._buffer[self._at : self._at + 5]
            if start != b"HTTP/"[: len(start)]:
                raise NotHttp("an answer that does not begin with HTTP/")
            return False
        self._head_bytes += len(head) + 4
        first, *lines = head.decode("latin-1").split("\n")
        version, _, remainder = first.rstrip("\r").partition(" ")
        code = remainder[:3]
        if not version.startswith("HTTP/1.") or not (len(code) == 3 and code.isdecimal()):
            raise NotHttp(f"not a status line of HTTP/1: {first[:60]!r}")
        self.status = int(code)
        self.has_reason_phrase = bool(remainder[3:].strip())
        pairs = (line.partition(":") for line in lines)
        self.headers = [(name.strip(), value.strip()) for name, _, value in pairs]
        if 100 <= self.status <= 199:
            return True  # interim: the answer is still to come
        self._frame(version)
        return True

    def _frame(self, version: str) -> None:
        """How long the body is (RFC 9112, section 6.3)."""
        fields = {name.lower(): value.lower() for name, value in self.headers}
        connection = fields.get("connection", "")
        self.closes = "close" in connection or (
            version == "HTTP/1.0" and "keep-alive" not in connection
        )
        if self._to_head or self.status in (204, 304):
            self.complete = True
        elif "chunked" in fields.get("transfer-encoding", ""):
            self._step = Answer._chunk_size
        elif "content-length" in fields:
            self._left = _number(fields["content-length"], 10)
            self._step = Answer._counted
            self.complete = self._left == 0
        else:
            self._step = Answer._until_close

    def _counted(self) -> bool:
        self._take()
        self.complete = self._left == 0
        return False

    def _chunk_size(self) -> bool:
        line = self._until(b"\r\n", _LINE_LIMIT_BYTES, "a line")
        if line is None:
            return False
        self._left = _number(line.decode("latin-1").partition(";")[0].strip(), 16)
        self._step = Answer._chunk if self._left else Answer._trailer
        return True

    def _chunk(self) -> bool:
        self._take()
        if self._left:
            return False
        self._step = Answer._chunk_end
        return True

    def _chunk_end(self) -> bool:
        if len(self._buffer) < self._at + 2:
            return False
        if self._buffer[self._at : self._at + 2] != b"\r\n":
            raise NotHttp("a chunk longer than it said")
        self._at += 2
        self._step = Answer._chunk_size
        return True

    def _trailer(self) -> bool:
        line = self._until(b"\n", _HEAD_LIMIT_BYTES - self._head_bytes, "trailers")
        if line is None:
            return False
        self._head_bytes += len(line) + 1
        self.complete = not line.rstrip(b"\r")
        return True

    def _until_close(self) -> bool:
        self._left = len(self._buffer)
        self._take()
        return False

    def _take(self) -> None:
        """Move up to `_left` bytes from the buffer into the body."""
        size = min(self._left, len(self._buffer) - self._at)
        kept = min(size, BODY_LIMIT_BYTES + 1 - len(self.body))
        self.body += memoryview(self._buffer)[self._at : self._at + kept]
        self._at += size
        self._left -= size

    def _until_empty_line(self, limit: int) -> bytearray | None:
        """As `_until`; two searches cost a load less than one for a pattern."""
        begin = max(self._at, self._searched)
        usual = self._buffer.find(b"\n\r\n", begin)
        bare = self._buffer.find(b"\n\n", begin, usual + 1 if usual >= 0 else len(self._buffer))
        found, size = (bare, 2) if bare >= 0 else (usual, 3)
        return self._cut(found, size, limit, "a head")

    def _until(self, end: bytes, limit: int, what: str) -> bytearray | None:
        """What stands before `end`, which is passed; None: not there yet. NotHttp past `limit`."""
        found = self._buffer.find(end, max(self._at, self._searched))
        return self._cut(found, len(end), limit, what)

    def _cut(self, found: int, size: int, limit: int, what: str) -> bytearray | None:
        if (found if found >= 0 else len(self._buffer)) - self._at > limit:
            raise NotHttp(f"{what} without an end")
        if found < 0:
            self._searched = max(self._at, len(self._buffer) - size + 1)
            return None
        part = self._buffer[self._at : found]
        self._at = self._searched = found + size
        return part


def _number(text: str, base: int) -> int:
    # int() alone takes signs, blanks, underscores and a 0x too.
    if not text or len(text) > 20 or not _DIGITS[base].issuperset(text):
        raise NotHttp(f"not a length: {text[:40]!r}")
    return int(text, base)
