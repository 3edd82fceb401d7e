"""The diagnostics IPC protocol of .NET, as far as it takes to read counters.

Source: documentation/design-docs/ipc-protocol.md of dotnet/diagnostics. A message is
a header of 20 bytes (magic, size, command set, command) and a payload, little endian;
strings are UTF-16 with their length in characters, the ending zero included. The
answers come from a measured program: their sizes are bounded.
"""

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_MAGIC = b"DOTNET_IPC_V1\0"
_HEADER = struct.Struct("<14sHBBH")
_EVENTPIPE, _PROCESS, _SERVER = 2, 4, 0xFF
_STOP_TRACING, _COLLECT_TRACING_2 = 1, 3
_PROCESS_INFO_2 = 4
_OK = 0
_NETTRACE = 1
_BUFFER_MIB = 4
# A few collections of all counters are some 50 kB.
_MAXIMUM_STREAM_BYTES = 8 << 20
_ANSWER_SECONDS = 5.0
_STOP_SECONDS = 2.0
_CHUNK_BYTES = 65536


class IpcFault(Exception):
    """The runtime did not answer as the protocol says."""


@dataclass(frozen=True)
class Provider:
    """A source of events within the runtime; `level` 4 is informational."""

    name: str
    keywords: int
    level: int
    arguments: str


def runtime_version(path: Path) -> str:
    """Such as "10.0.12" (ProcessInfo2, from .NET 6 on). Raises IpcFault, OSError."""
    with _connected(path) as connection:
        payload = _ask(connection, _PROCESS, _PROCESS_INFO_2, b"")
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


def trace(path: Path, provider: Provider, enough: Callable[[bytes], bool], seconds: float) -> bytes:
    """A nettrace stream of a session that ends when it holds enough, or after this time.

    The session is always ended, so that the app goes on as before. Raises IpcFault, OSError.
    """
    configuration = struct.pack("<IIBI", _BUFFER_MIB, _NETTRACE, False, 1)
    configuration += struct.pack("<QI", provider.keywords, provider.level)
    configuration += _text(provider.name) + _text(provider.arguments)
    with _connected(path) as connection:
        session = _ask(connection, _EVENTPIPE, _COLLECT_TRACING_2, configuration)
        stream = bytearray()
        _take(connection, stream, time.monotonic() + seconds, enough)
        _stop(path, session)
        # What was under way; the runtime closes the stream.
        _take(connection, stream, time.monotonic() + _STOP_SECONDS, lambda _: False)
    return bytes(stream)


def _take(
    connection: socket.socket,
    stream: bytearray,
    deadline: float,
    enough: Callable[[bytes], bool],
) -> None:
    while (left := deadline - time.monotonic()) > 0 and len(stream) < _MAXIMUM_STREAM_BYTES:
        connection.settimeout(left)
        try:
            chunk = connection.recv(_CHUNK_BYTES)
        except TimeoutError:
            return
        stream += chunk
        # Pieces of a few bytes come before whole blocks do.
        if not chunk or (len(chunk) > 1 and enough(bytes(stream))):
            return


def _stop(path: Path, session: bytes) -> None:
    """Ended by the runtime itself where it no longer answers: the stream is closed then."""
    try:
        with _connected(path) as connection:
            _ask(connection, _EVENTPIPE, _STOP_TRACING, session[:8])
    except (OSError, IpcFault):
        return


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(_ANSWER_SECONDS)
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _ask(connection: socket.socket, command_set: int, command: int, payload: bytes) -> bytes:
    """The payload of the answer to one command."""
    size = _HEADER.size + len(payload)
    connection.sendall(_HEADER.pack(_MAGIC, size, command_set, command, 0) + payload)
    magic, size, answer_set, answer, _ = _HEADER.unpack(_exactly(connection, _HEADER.size))
    if magic != _MAGIC or size < _HEADER.size:
        raise IpcFault("its answer is none of the diagnostics protocol")
    found = _exactly(connection, size - _HEADER.size)
    if answer_set != _SERVER or answer != _OK:
        code = struct.unpack("<I", found[:4])[0] if len(found) >= 4 else 0
        raise IpcFault(f"it refused the command {command_set}/{command} with 0x{code:08x}")
    return found


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        chunk = connection.recv(size - len(found))
        if not chunk:
            raise IpcFault("it ended the conversation")
        found += chunk
    return found


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text) + 1) + (text + "\0").encode("utf-16-le")
