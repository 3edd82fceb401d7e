"""The diagnostics IPC protocol of .NET, as far as it takes to read counters.

Source: documentation/design-docs/ipc-protocol.md of dotnet/diagnostics. A message is
a header of 20 bytes (magic, size, command set, command) and a payload, little endian;
strings are UTF-16 with their length in characters, the ending zero included. The
answers come from a measured program: their sizes are bounded, and so is the time of a
whole conversation, whatever comes how slowly. An address is the path of a socket.
"""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from headstart.agent.deadline import Deadline

_MAGIC = b"DOTNET_IPC_V1\0"
_HEADER = struct.Struct("<14sHBBH")
_EVENTPIPE, _PROCESS, _SERVER = 2, 4, 0xFF
_STOP_TRACING, _COLLECT_TRACING_2 = 1, 3
_PROCESS_INFO_2 = 4
_OK = 0
_NETTRACE = 1
_BUFFER_MIB = 4
# A few collections of all counters are some 50 kB.
_MAXIMUM_STREAM_BYTES = 1 << 20
_ANSWER_SECONDS = 5.0
_STOP_SECONDS = 2.0
_CHUNK_BYTES = 65536
# A stream is looked at when it has grown by a part of itself, and at least by this: looking
# at it from its beginning with each of its bytes would take the square of its length.
_GROWN_BYTES = 512
_GROWN_SHARE = 8


class IpcFault(Exception):
    """The runtime did not answer as the protocol says."""


@dataclass(frozen=True)
class Provider:
    """A source of events within the runtime; `level` 4 is informational."""

    name: str
    keywords: int
    level: int
    arguments: str


def runtime_version(address: str, deadline: Deadline) -> str:
    """Such as "10.0.12" (ProcessInfo2, from .NET 6 on). Raises IpcFault, OSError."""
    with _conversation(address, deadline.within(_ANSWER_SECONDS)) as conversation:
        payload = conversation.ask(_PROCESS, _PROCESS_INFO_2, b"")
    # pid and runtime cookie; command line, operating system, architecture, entry assembly.
    at = 8 + 16
    texts = []
    for _ in range(5):
        if at + 4 > len(payload):
            raise IpcFault("its description of itself is too short")
        (length,) = struct.unpack_from("<I", payload, at)
        at += 4
        texts.append(payload[at : at + 2 * length].decode("utf-16-le", "replace").rstrip("\0"))
        at += 2 * length
    return texts[-1]


def trace(
    address: str,
    provider: Provider,
    enough: Callable[[bytes], bool],
    session: Deadline,
    deadline: Deadline,
) -> bytes:
    """A nettrace stream of a session that ends when it holds enough, or at its own deadline.

    The session is always ended, so that the app goes on as before. Raises IpcFault, OSError.
    """
    configuration = struct.pack("<IIBI", _BUFFER_MIB, _NETTRACE, False, 1)
    configuration += struct.pack("<QI", provider.keywords, provider.level)
    configuration += _text(provider.name) + _text(provider.arguments)
    with _conversation(address, session) as conversation:
        number = conversation.ask(_EVENTPIPE, _COLLECT_TRACING_2, configuration)
        stream = bytearray()
        conversation.take(stream, session, enough)
        _stop(address, number, deadline)
        # What was under way; the runtime closes the stream.
        conversation.take(stream, deadline.within(_STOP_SECONDS), lambda _: False)
    return bytes(stream)


def _stop(address: str, session: bytes, deadline: Deadline) -> None:
    """Ended by the runtime itself where it no longer answers: the stream is closed then."""
    try:
        with _conversation(address, deadline.within(_STOP_SECONDS)) as conversation:
            conversation.ask(_EVENTPIPE, _STOP_TRACING, session[:8])
    except (OSError, IpcFault):
        return


@contextmanager
def _conversation(address: str, deadline: Deadline) -> "Iterator[_Conversation]":
    with socket.socket(socket.AF_UNIX) as connection:
        deadline.limit(connection)
        connection.connect(address)
        yield _Conversation(connection, deadline)


class _Conversation:
    """A connection to a runtime. IpcFault and OSError, TimeoutError at its deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline

    def ask(self, command_set: int, command: int, payload: bytes) -> bytes:
        """The payload of the answer to one command."""
        size = _HEADER.size + len(payload)
        self._deadline.limit(self._connection)
        self._connection.sendall(_HEADER.pack(_MAGIC, size, command_set, command, 0) + payload)
        magic, size, answer_set, answer, _ = _HEADER.unpack(self._exactly(_HEADER.size))
        if magic != _MAGIC or size < _HEADER.size:
            raise IpcFault("its answer is none of the diagnostics protocol")
        found = self._exactly(size - _HEADER.size)
        if answer_set != _SERVER or answer != _OK:
            code = struct.unpack("<I", found[:4])[0] if len(found) >= 4 else 0
            raise IpcFault(f"it refused the command {command_set}/{command} with 0x{code:08x}")
        return found

    def take(self, stream: bytearray, deadline: Deadline, enough: Callable[[bytes], bool]) -> None:
        """Add to a stream until it holds enough or ends, is too long, or time is up."""
        looked = 0
        while len(stream) < _MAXIMUM_STREAM_BYTES:
            try:
                deadline.limit(self._connection)
                chunk = self._connection.recv(_CHUNK_BYTES)
            except TimeoutError:
                break
            stream += chunk
            if not chunk:
                break
            if len(stream) - looked >= max(_GROWN_BYTES, looked // _GROWN_SHARE):
                looked = len(stream)
                if enough(bytes(stream)):
                    break

    def _exactly(self, size: int) -> bytes:
        # At most 64 KiB, as its length has two bytes.
        found = bytearray()
        while len(found) < size:
            self._deadline.limit(self._connection)
            chunk = self._connection.recv(size - len(found))
            if not chunk:
                raise IpcFault("it ended the conversation")
            found += chunk
        return bytes(found)


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text) + 1) + (text + "\0").encode("utf-16-le")
