"""A small HTTP/1.1 server with one misbehaviour of choice, in a process of its own.

with serving("stall") as server:
    ... server.port, server.alive()

Or as a variant of an experiment, `{"command": argv(port, "stall")}`.
"""

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BODY = json.dumps({"name": "Ada", "number": 7, "padding": "x" * 100}).encode()
STALL_EVERY_SECONDS, STALL_SECONDS = 1.0, 0.2


@dataclass
class Server:
    """A running server; what it counted is known once it was stopped."""

    port: int
    process: subprocess.Popen[bytes]
    counted: dict[str, int] = field(default_factory=dict)

    def alive(self) -> bool:
        """False as soon as it has ended."""
        return self.process.poll() is None


def argv(port: int, behaviour: str = "normal", argument: float = 0.0) -> list[str]:
    """The command of a server on this port of 127.0.0.1, which runs until it is killed."""
    return [sys.executable, __file__, behaviour, str(argument), str(port)]


@contextmanager
def serving(behaviour: str = "normal", *arguments: str) -> Iterator[Server]:
    """Start a server on a free port of 127.0.0.1; stopped and gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, __file__, behaviour, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        server = Server(int(process.stdout.readline()), process)
        yield server
        process.stdin.close()
        if counted := process.stdout.readline():
            server.counted.update(json.loads(counted))
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


class _Answering(asyncio.Protocol):
    """Answers every request at once; knows neither chunked requests nor errors of its peer."""

    counted = {"connections": 0, "requests": 0, "body_bytes": 0}  # noqa: RUF012 - one per process
    behaviour = "normal"
    argument = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""
        self.on_connection = 0
        self.counted["connections"] += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.transport.is_closing() and (request := self._next_request()):
            self.counted["requests"] += 1
            self.on_connection += 1
            if self.behaviour == "slow":
                asyncio.get_running_loop().call_later(self.argument, self._answer, *request)
            else:
                self._answer(*request)

    def _next_request(self) -> tuple[bytes, bytes] | None:
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        if len(rest) < length:
            return None
        self.buffer = rest[length:]
        self.counted["body_bytes"] += length
        return head, rest[:length]

    def _answer(self, head: bytes, body: bytes) -> None:
        target = head.split(b" ", 2)[1]
        status, extra, answer = b"200 OK", b"", BODY
        if target.startswith(b"/status/"):
            status = target[8:] + b" Stated"
        elif target == b"/echo":
            answer = body
        match self.behaviour:
            case "error":
                status, answer = b"500 Internal Server Error", b"broken"
            case "wrong-body" if random.random() < self.argument:
                answer = b'{"name": "Bob"}'
            case "no-reason":
                # A share of them is refused, which only the status says.
                status = b"500" if random.random() < self.argument else b"200"
            case "chunked":
                chunks = b"".join(b"%x\r\n%b\r\n" % (1, answer[i : i + 1]) for i in range(8))
                rest = b"%x\r\n%b\r\n0\r\n\r\n" % (len(answer) - 8, answer[8:])
                self.transport.write(
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + rest
                )
                return
            case "close-header":
                extra = b"Connection: close\r\n"
            case "until-close":
                self.transport.write(b"HTTP/1.0 200 OK\r\n\r\n" + answer)
                self.transport.close()
                return
            case "mute":
                return
            case "garbage":
                self.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
                return
            case "die" if self.counted["requests"] > self.argument:
                os._exit(3)
            case "limited" if self.counted["requests"] > self.argument:
                status, answer = b"429 Too Many Requests", b"slow down"
        self.transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, len(answer), extra, b"" if head.startswith(b"HEAD ") else answer)
        )
        if extra or (self.behaviour == "close" and self.on_connection >= self.argument):
            self.transport.close()


async def _main(behaviour: str, argument: float, port: int) -> None:
    _Answering.behaviour, _Answering.argument = behaviour, argument
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answering, "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = loop.create_future()
    if not port:
        loop.add_reader(0, lambda: None if ended.done() else ended.set_result(None))

    def stall() -> None:
        # Blocks the whole server, as a collection of a runtime does.
        time.sleep(STALL_SECONDS)
        loop.call_later(STALL_EVERY_SECONDS, stall)

    if behaviour == "stall":
        loop.call_later(STALL_EVERY_SECONDS, stall)
    await ended
    print(json.dumps(_Answering.counted), flush=True)


if __name__ == "__main__":
    stated = dict(enumerate(sys.argv[2:]))
    asyncio.run(_main(sys.argv[1], float(stated.get(0, 0)), int(stated.get(1, 0))))
