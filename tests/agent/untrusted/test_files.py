"""Whatever lies below a root is read within bounds or refused, at once, with what it is."""

import fcntl
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.agent.deadline import Deadline
from headstart.agent.untrusted import Refused, Root, files, open_file, within


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def a_growing_file(path: Path) -> None:
    path.write_bytes(b"x" * 101)


def a_sparse_terabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def a_link_to(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


# How it is made, how a refusal says what it is.
HOSTILE: dict[str, tuple[Callable[[Path], None], str]] = {
    "fifo": (a_fifo, "a FIFO instead of a file"),
    "socket": (a_socket, "a socket instead of a file"),
    "folder": (Path.mkdir, "a folder instead of a file"),
    "too long": (a_growing_file, "more than 100 bytes"),
    "sparse": (a_sparse_terabyte, "more than 100 bytes"),
    "link out of it": (a_link_to("/etc/passwd"), "No such file"),
    "climbing link": (a_link_to("../../../../../../../../etc/passwd"), "No such file"),
    "link to itself": (a_link_to("file"), "symbolic links"),
    "missing": (lambda _path: None, "No such file"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_short_regular_file_within_the_root_is_refused(
    kind: str, tmp_path: Path
) -> None:
    make, words = HOSTILE[kind]
    make(tmp_path / "file")

    with Root(tmp_path) as root, pytest.raises(OSError, match=words):
        within(Deadline(5), lambda: root.read("/file", 100))


def test_a_file_is_read_by_links_as_the_app_would_follow_them(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "passwd").write_bytes(b"the app's own")
    (tmp_path / "absolute").symlink_to("/etc/passwd")
    (tmp_path / "climbing").symlink_to("../../../etc/passwd")

    with Root(tmp_path) as root:
        assert root.read("/absolute", 100) == b"the app's own"
        assert root.read("climbing", 100) == b"the app's own"


@pytest.mark.parametrize(
    "path", ["dev/zero", "proc/self/environ", "proc/self/exe", "proc/self/root", "sys/power/state"]
)
def test_what_the_kernel_makes_is_never_read(path: str) -> None:
    """A root that is the host's: a device has no end, /proc/kmsg loses what is read of it."""
    with Root(Path("/")) as root, pytest.raises(OSError, match=r"device|kernel|instead|symbolic"):
        root.read(path, 100)


def test_a_folder_of_too_many_files_is_not_listed_to_its_end(tmp_path: Path) -> None:
    for name in range(11):
        (tmp_path / str(name)).touch()
    with Root(tmp_path) as root:
        assert len(root.names("/", 11)) == 11
        with pytest.raises(Refused, match="a folder of more than 10 files"):
            root.names("/", 10)


def test_a_socket_is_reached_however_deep_it_lies_and_nothing_else_is(tmp_path: Path) -> None:
    deep = tmp_path / "/".join(["folder" * 10] * 20)
    deep.mkdir(parents=True)
    inside = deep.relative_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "engine").symlink_to("/var/run/docker.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(deep, os.O_PATH)
        listener.bind(f"/proc/self/fd/{folder}/socket")
        os.close(folder)
        listener.listen()
        with Root(tmp_path) as root:
            with root.socket(f"/{inside}/socket") as address, socket.socket(socket.AF_UNIX) as one:
                one.connect(address)
            with pytest.raises(Refused, match="a FIFO instead of a socket"), root.socket("fifo"):
                pass
            with pytest.raises(FileNotFoundError), root.socket("engine"):
                pass


def test_a_kernel_without_the_call_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_OPENAT2", 4095)

    with Root(tmp_path) as root, pytest.raises(Refused, match=r"no openat2 \(Linux 5\.6 has\)"):
        root.read("/file", 100)


def test_a_hosts_file_is_opened_only_if_it_is_one(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "link").symlink_to("file")

    with open_file(tmp_path / "link") as file:
        assert file.read() == b"data"
    with pytest.raises(Refused, match="a FIFO instead of a file"):
        open_file(tmp_path / "fifo")
    with pytest.raises(Refused, match="a device instead of a file"):
        open_file("/dev/zero")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for kind, (make, words) in HOSTILE.items():
        folder = tmp_path / kind
        folder.mkdir()
        make(folder / "file")
        with Root(folder) as root, pytest.raises(OSError, match=words):
            root.read("/file", 100)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_work_that_hangs_is_left_behind_and_not_added_to_without_end() -> None:
    end = threading.Event()
    try:
        for _ in range(8):
            with pytest.raises(TimeoutError, match=r"not over within 0.01 s"):
                within(Deadline(0.01), end.wait)
        with pytest.raises(TimeoutError, match="8 readings hang already"):
            within(Deadline(5), end.wait)
    finally:
        end.set()
        for thread in threading.enumerate():
            if thread.name == "untrusted":
                thread.join()

    assert within(Deadline(5), lambda: 7) == 7


def test_work_that_fails_fails_for_whoever_asked() -> None:
    with pytest.raises(ZeroDivisionError):
        within(Deadline(5), lambda: 1 // 0)


def test_a_cancel_ends_the_wait() -> None:
    end = threading.Event()
    with pytest.raises(TimeoutError, match="cancelled"):
        within(Deadline(60), end.wait, cancelled=lambda: True)
    end.set()


def test_a_file_with_a_lease_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    """As root in a container owns the gate's stamp, it can take one on it."""
    leased = tmp_path / "stamp"
    holder = os.open(leased, os.O_RDWR | os.O_CREAT)
    # Whoever opens it sends this to the holder, which it would end.
    before = signal.signal(signal.SIGIO, signal.SIG_IGN)
    try:
        fcntl.fcntl(holder, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        with pytest.raises(Refused, match="holds a lease on"):
            open_file(leased)
        with Root(tmp_path) as root, pytest.raises(Refused, match="holds a lease on"):
            root.read("stamp", 10)
    finally:
        os.close(holder)
        signal.signal(signal.SIGIO, before)
