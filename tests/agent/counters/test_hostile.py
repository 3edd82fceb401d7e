"""An app that lies to whoever reads its counters costs a reason, and some seconds at most."""

import os
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from headstart.agent.counters import table
from headstart.agent.counters.diagnostics_ipc import Provider, trace
from headstart.agent.counters.nettrace import Malformed, events
from headstart.agent.counters.source import CannotRead
from headstart.agent.counters.table import read_counters
from headstart.agent.deadline import Deadline

HEADER = struct.Struct("<14sHBBH")
JVM = "tmp/hsperfdata_x"


def process(proc: Path) -> Path:
    """The root of the only process there."""
    root = proc / "40" / "root"
    (root / "tmp").mkdir(parents=True)
    (proc / "40" / "status").write_text("NSpid:\t40\t1\n")
    (proc / "40" / "environ").write_bytes(b"")
    return root


def reason(proc: Path) -> str:
    with pytest.raises(CannotRead) as caught:
        read_counters([40], proc, seconds=2.0)
    return str(caught.value)


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def crowded(path: Path) -> None:
    for name in range(10_001):
        os.mknod(path.parent.parent / str(name))


def lying(path: Path) -> None:
    path.write_bytes(
        bytes.fromhex("cafec0c0010200") + b"\1" + bytes(16) + struct.pack("<ii", 32, 4096)
    )


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, r"not offered: .*\(a FIFO instead of a file\)"),
        (lambda path: path.symlink_to("/dev/zero"), "not offered"),
        (lambda path: path.symlink_to("/proc/kmsg"), "not offered"),
        (lambda path: path.symlink_to(path.name), "not offered"),
        (Path.mkdir, r"\(a folder instead of a file\)"),
        (sparse, r"\(a file of more than 4194304 bytes\)"),
        (crowded, r"\(a folder of more than 10000 files\)"),
        (lying, "cannot be read: an entry lies outside"),
    ],
    ids=["fifo", "zero", "kmsg", "loop", "folder", "terabyte", "crowd", "lie"],
)
def test_performance_data_that_is_none(
    make: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    path = process(tmp_path) / JVM / "1"
    path.parent.mkdir()
    make(path)

    begin = time.monotonic()
    said = reason(tmp_path)

    assert re.search(words, said)
    assert time.monotonic() - begin < 5


def say_nothing(_peer: socket.socket) -> None:
    time.sleep(3600)


def drip(peer: socket.socket) -> None:
    peer.sendall(HEADER.pack(b"DOTNET_IPC_V1\0", 65535, 0xFF, 0, 0))
    while True:
        time.sleep(0.1)
        peer.sendall(b"x")


def flood(peer: socket.socket) -> None:
    peer.sendall(HEADER.pack(b"DOTNET_IPC_V1\0", HEADER.size + 8, 0xFF, 0, 0) + bytes(8))
    while True:
        peer.sendall(b"Nettrace" * 8192)


def hang_up(_peer: socket.socket) -> None:
    return


@contextmanager
def listening(path: Path, serve: Callable[[socket.socket], None]) -> Iterator[None]:
    def take(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                peer, _ = listener.accept()
                threading.Thread(target=answer, args=(peer,), daemon=True).start()

    def answer(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            peer.recv(100)
            serve(peer)

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        threading.Thread(target=take, args=(listener,), daemon=True).start()
        yield


@pytest.mark.parametrize("serve", [say_nothing, drip, flood, hang_up])
def test_a_diagnostics_socket_ends_with_the_whole_exchange(
    serve: Callable[[socket.socket], None], short_path: Path
) -> None:
    """A socket's own timeout counts from byte to byte: 65,515 of them, one in 4 s, are 73 hours."""
    begin = time.monotonic()
    with listening(process(short_path) / "tmp/dotnet-diagnostic-1-9-socket", serve):
        assert "diagnostics socket" in reason(short_path)

    assert time.monotonic() - begin < 6


def test_a_socket_of_the_host_is_not_reached(short_path: Path) -> None:
    root = process(short_path)
    (short_path / "engine").mkdir()
    with listening(short_path / "engine" / "socket", say_nothing):
        (root / "tmp/dotnet-diagnostic-1-9-socket").symlink_to(short_path / "engine" / "socket")

        assert "not offered" in reason(short_path)


def test_a_source_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    root = process(tmp_path)
    os.mkfifo(root / "tmp/dotnet-diagnostic-1-9-socket")
    (root / JVM).mkdir()
    data = Path(__file__).parent / "recorded" / "jvm.hsperfdata"
    (root / JVM / "1").write_bytes(data.read_bytes())

    assert read_counters([40], tmp_path).runtime.startswith("JVM")


def test_a_stream_is_bounded_and_not_read_anew_with_each_byte(short_path: Path) -> None:
    looks: list[int] = []

    def enough(stream: bytes) -> bool:
        looks.append(len(stream))
        return False

    path = short_path / "socket"
    with listening(path, flood):
        session = Deadline(30)
        stream = trace(str(path), Provider("p", 0, 4, ""), enough, session, session)

    assert len(stream) < 2 << 20
    assert len(looks) < 100


def test_reading_that_hangs_in_the_kernel_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a page of its environment does that a FUSE of the app's own serves."""
    process(tmp_path)
    end = threading.Event()
    monkeypatch.setattr(table, "target_of", lambda _pid, _proc: end.wait())
    try:
        assert "not over within 2.5 s" in reason(tmp_path)
    finally:
        end.set()


def test_events_that_cost_more_than_they_are_long_are_refused() -> None:
    """Fields without a size: each event of three bytes would cost as much as there are."""
    many = struct.pack("<i", 200) + (struct.pack("<ii", 1, 0) + b"\0\0") * 200
    metadata = struct.pack("<i", 1) + b"p\0\0\0" + bytes(4) + b"n\0\0\0" + bytes(16) + many
    stream = b"Nettrace\x14\x00\x00\x00!FastSerialization.1"
    stream += _object(stream, "MetadataBlock", _plain_blob(0, metadata))
    compressed = struct.pack("<HH", 4, 1) + b"\x81\1\0\0" + b"\0\0" * 200_000
    stream += _object(stream, "EventBlock", compressed)

    begin = time.process_time()
    with pytest.raises(Malformed, match="more events than counters need"):
        list(events(stream))

    assert time.process_time() - begin < 5


def _plain_blob(kind: int, payload: bytes) -> bytes:
    head = struct.pack("<II", 0, kind) + bytes(68) + struct.pack("<i", len(payload))
    return struct.pack("<HH", 4, 0) + head + payload


def _object(before: bytes, name: str, block: bytes) -> bytes:
    found = b"\5\5\1" + bytes(8) + struct.pack("<i", len(name)) + name.encode() + b"\6"
    found += struct.pack("<i", len(block))
    found += bytes(-(len(before) + len(found)) % 4)
    return found + block + b"\6"
