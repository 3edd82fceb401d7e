"""An HTTP/1.1 answer, taken in as it arrives; RFC 9112, sections 4 to 7."""

from collections.abc import Callable

from headstart.agent.checks import BODY_LIMIT_BYTES

_HEAD_LIMIT_BYTES = 1 << 16
_LINE_LIMIT_BYTES = 1 << 12


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
        # The connection cannot be asked again.
        self.closes = False
        self._to_head = to_head
        self._buffer = bytearray()
        self._left = 0
        # Each step takes its part of the buffer and returns whether it got on.
        self._step: Callable[[], bool] = self._head

    def feed(self, data: bytes | memoryview) -> bool:
        """Take in what arrived; True once the answer is complete. Raises NotHttp."""
        self._buffer += data
        while not self.complete and self._step():
            pass
        if self.complete and self._buffer:
            self.closes = True  # more than one answer to one question
        return self.complete

    def end(self) -> bool:
        """The server closed the connection; True when that completes the answer."""
        self.closes = True
        if self._step == self._until_close:
            self.complete = True
        return self.complete

    def _head(self) -> bool:
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            if len(self._buffer) > _HEAD_LIMIT_BYTES:
                raise NotHttp("a head without an end")
            if self._buffer[:5] != b"HTTP/"[: len(self._buffer)]:
                raise NotHttp("an answer that does not begin with HTTP/")
            return False
        self._buffer = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        version, _, remainder = first.partition(" ")
        code = remainder[:3]
        if not version.startswith("HTTP/1.") or not (len(code) == 3 and code.isdecimal()):
            raise NotHttp(f"not a status line of HTTP/1: {first[:60]!r}")
        self.status = int(code)
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
            self._step = self._chunk_size
        elif "content-length" in fields:
            self._left = _number(fields["content-length"], 10)
            self._step = self._counted
            self.complete = self._left == 0
        else:
            self._step = self._until_close

    def _counted(self) -> bool:
        self._take()
        self.complete = self._left == 0
        return False

    def _chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        self._left = _number(line.partition(";")[0].strip(), 16)
        self._step = self._chunk if self._left else self._trailer
        return True

    def _chunk(self) -> bool:
        self._take()
        if self._left:
            return False
        self._step = self._chunk_end
        return True

    def _chunk_end(self) -> bool:
        line = self._line()
        if line:
            raise NotHttp("a chunk longer than it said")
        self._step = self._chunk_size if line is not None else self._chunk_end
        return line is not None

    def _trailer(self) -> bool:
        line = self._line()
        self.complete = line == ""
        return line is not None

    def _until_close(self) -> bool:
        self._left = len(self._buffer)
        self._take()
        return False

    def _take(self) -> None:
        """Move up to `_left` bytes from the buffer into the body."""
        part = self._buffer[: self._left]
        del self._buffer[: self._left]
        self._left -= len(part)
        self.body += part[: BODY_LIMIT_BYTES + 1 - len(self.body)]

    def _line(self) -> str | None:
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            if len(self._buffer) > _LINE_LIMIT_BYTES:
                raise NotHttp("a line without an end")
            return None
        self._buffer = rest
        return line.decode("latin-1")


def _number(text: str, base: int) -> int:
    try:
        number = int(text, base)
    except ValueError:
        number = -1
    if number < 0:
        raise NotHttp(f"not a length: {text[:40]!r}")
    return number
