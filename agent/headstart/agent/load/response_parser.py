"""HTTP/1.1 responses from the pieces in which they arrive; as little work as a load allows."""


class NotHttp(ValueError):
    """What arrived cannot be read as a response of HTTP/1."""


# Above these a peer does not speak HTTP, or means harm.
_HEAD_LIMIT_BYTES = 64 << 10
_CHUNK_LINE_LIMIT_BYTES = 4 << 10
# A kept body is no longer than a check reads, but for the last piece.
_BODY_LIMIT_BYTES = 1 << 20


class ResponseParser:
    """One response after the other on one connection: `begin`, then `feed` until it says True."""

    __slots__ = (
        "_buffer",
        "_chunked",
        "_head_only",
        "_in_head",
        "_keep_body",
        "_left",
        "_until_close",
        "body",
        "head",
        "keeps_alive",
        "status",
    )

    def __init__(self) -> None:
        self.begin()

    def begin(self, head_only: bool = False, keep_body: bool = False) -> None:
        """Expect a response: without a body to HEAD; its body is kept only when asked for."""
        self.status = 0
        self.head = b""
        self.body = b""
        self.keeps_alive = True
        self._head_only = head_only
        self._keep_body = keep_body
        self._in_head = True
        self._chunked = False
        self._until_close = False
        # Bytes that still belong to the body or the chunk.
        self._left = 0
        self._buffer = b""

    def feed(self, data: bytes) -> bool:
        """Take what arrived; True when the response is whole. NotHttp for anything else."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        while self._in_head:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                if len(data) > _HEAD_LIMIT_BYTES or not b"HTTP/1.".startswith(data[:7]):
                    raise NotHttp(f"not a response of HTTP/1: {data[:40]!r}")
                self._buffer = data
                return False
            self._read_head(data[: end + 2])
            data = data[end + 4 :]
        if self._chunked:
            return self._feed_chunks(data)
        if self._keep_body and len(self.body) <= _BODY_LIMIT_BYTES:
            self.body += data
        if self._until_close:
            return False
        self._left -= len(data)
        if self._left < 0:
            raise NotHttp("more arrived than the response's length")
        return self._left == 0

    def closed(self) -> bool:
        """The peer closed the connection; True when that is what ends this response."""
        return self._until_close and not self._in_head

    def headers(self) -> list[tuple[str, str]]:
        """The head's fields, in order."""
        lines = self.head.decode("latin-1").split("\r\n")[1:]
        fields = (line.partition(":") for line in lines if line)
        return [(name.strip(), value.strip()) for name, _, value in fields]

    def _read_head(self, head: bytes) -> None:
        if head[:7] != b"HTTP/1." or not head[9:12].isdigit():
            raise NotHttp(f"not a response of HTTP/1: {head[:40]!r}")
        status = int(head[9:12])
        if status < 200:
            return  # 100 Continue, 103 Early Hints: the response itself follows
        self.status = status
        self.head = head
        self._in_head = False
        # Names are the only part whose case is free, and no value is read but these three.
        lower = head.lower()
        self.keeps_alive = head[7:8] == b"1"
        if (at := lower.find(b"\r\nconnection:")) >= 0:
            value = _value(lower, at + 13)
            self.keeps_alive = b"close" not in value and (
                self.keeps_alive or b"keep-alive" in value
            )
        if self._head_only or status in (204, 304):
            return
        if (at := lower.find(b"\r\ntransfer-encoding:")) >= 0 and b"chunked" in _value(
            lower, at + 20
        ):
            self._chunked = True
        elif (at := lower.find(b"\r\ncontent-length:")) >= 0:
            value = _value(lower, at + 17)
            if not value.isdigit() or len(value) > 18:
                raise NotHttp(f"not a length: {value[:40]!r}")
            self._left = int(value)
        else:
            self._until_close = True
            self.keeps_alive = False

    def _feed_chunks(self, data: bytes) -> bool:
        """Skip from size line to size line; `_left` counts the chunk's data and its CRLF."""
        at = 0
        while True:
            if self._left:
                taken = min(self._left, len(data) - at)
                if self._keep_body and len(self.body) <= _BODY_LIMIT_BYTES:
                    # The last two bytes of `_left` are the CRLF after the chunk.
                    self.body += data[at : at + min(taken, max(0, self._left - 2))]
                self._left -= taken
                at += taken
                if self._left:
                    return False
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - at > _CHUNK_LINE_LIMIT_BYTES:
                    raise NotHttp("no end of a chunk's size")
                self._buffer = data[at:]
                return False
            try:
                size = int(data[at:end].partition(b";")[0], 16)
            except ValueError:
                raise NotHttp(f"not the size of a chunk: {data[at:end][:40]!r}") from None
            if size == 0:
                return self._end_of_chunks(data, at, end + 2)
            self._left = size + 2
            at = end + 2

    def _end_of_chunks(self, data: bytes, last_line: int, at: int) -> bool:
        """After the last chunk come trailer fields, mostly none, and an empty line."""
        if data[at : at + 2] == b"\r\n":
            end = at + 2
        elif (found := data.find(b"\r\n\r\n", at)) >= 0:
            end = found + 4
        else:
            if len(data) - at > _HEAD_LIMIT_BYTES:
                raise NotHttp("no end of the trailer fields")
            self._buffer = data[last_line:]
            return False
        if end != len(data):
            raise NotHttp("more arrived than the response's chunks")
        return True


def _value(head: bytes, at: int) -> bytes:
    return head[at : head.find(b"\r\n", at)].strip()
