"""Entering a network namespace: for the thread and the time that it is meant for."""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headstart.agent.linux.netns import NetworkNamespace, inside, why_not_enter

needs_root = pytest.mark.root
_OWN = Path("/proc/thread-self/ns/net")


@pytest.fixture
def foreign() -> Iterator[NetworkNamespace]:
    """That of a process which has one of its own, with nothing in it."""
    waits = ["unshare", "--net", "--", "cat"]
    with subprocess.Popen(waits, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.read(1)
        with closing(NetworkNamespace.of_process(process.pid)) as namespace:
            yield namespace
        process.stdin.close()


@needs_root
def test_a_thread_is_inside_until_the_end_and_others_never(foreign: NetworkNamespace) -> None:
    own = _OWN.readlink()
    others: list[Path] = []
    looked, entered = threading.Event(), threading.Event()

    def look() -> None:
        entered.wait(10)
        others.append(_OWN.readlink())
        looked.set()

    other = threading.Thread(target=look)
    other.start()
    with inside(foreign):
        seen, is_current = _OWN.readlink(), foreign.is_current()
        entered.set()
        looked.wait(10)
    other.join()

    assert seen != own
    assert is_current
    assert [*others, _OWN.readlink()] == [own, own]
    assert not foreign.is_current()


@needs_root
def test_a_thread_comes_back_from_an_error(foreign: NetworkNamespace) -> None:
    own = _OWN.readlink()
    with pytest.raises(ZeroDivisionError), inside(foreign):
        raise ZeroDivisionError

    assert _OWN.readlink() == own


@needs_root
def test_what_was_made_inside_stays_there(foreign: NetworkNamespace) -> None:
    """A socket, and a process: both are used from outside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with inside(foreign):
            made = socket.socket()
            process = subprocess.Popen(
                ["readlink", "/proc/self/ns/net"], stdout=subprocess.PIPE, text=True
            )
            entered = str(_OWN.readlink())
        with made, pytest.raises(OSError, match="unreachable"):
            made.connect(server.getsockname())
        namespace_of_process, _ = process.communicate(timeout=10)

    assert namespace_of_process.strip() == entered


@needs_root
def test_another_process_opens_it_by_its_path(foreign: NetworkNamespace) -> None:
    script = "import os, sys; print(os.stat(sys.argv[1]).st_ino)"
    found = subprocess.run(
        [sys.executable, "-c", script, foreign.path], capture_output=True, text=True, check=True
    )

    assert int(found.stdout) == os.stat(foreign.path).st_ino  # noqa: PTH116  # as the other does


@needs_root
def test_one_that_was_closed_is_not_entered(foreign: NetworkNamespace) -> None:
    foreign.close()
    foreign.close()

    with pytest.raises(OSError, match="Bad file descriptor"), inside(foreign):
        pass


def test_without_a_namespace_nothing_happens() -> None:
    own = _OWN.readlink()
    with inside(None):
        assert _OWN.readlink() == own


@needs_root
def test_an_agent_without_the_capability_says_what_it_takes() -> None:
    script = "from headstart.agent.linux.netns import why_not_enter; print(why_not_enter())"
    found = subprocess.run(
        ["setpriv", "--bounding-set=-sys_admin", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
    )

    assert why_not_enter() is None
    assert "root or the capability CAP_SYS_ADMIN" in found.stdout
