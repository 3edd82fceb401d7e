"""Processes that belong together, and descriptors that outlive a pid."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from headstart.agent.runtimes.members import (
    Handle,
    ProcessOrigin,
    kill_all,
    marked,
    origin_of,
    parse_stat,
)
from support.waiting import wait_until

SLEEP = "import signal; signal.pause()"


def test_a_name_with_brackets_and_blanks_does_not_shift_the_fields() -> None:
    text = "12 (a) b (c) S 1 12 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 4096 1\n"

    assert parse_stat(text) == ProcessOrigin(state="S", parent=1, session=7)


def test_the_origin_of_this_process_is_known() -> None:
    origin = origin_of(os.getpid())

    assert origin is not None
    assert (origin.parent, origin.session) == (os.getppid(), os.getsid(0))
    assert origin_of(2**22) is None


def test_a_mark_is_found_by_its_beginning_and_on_others_only() -> None:
    entry = f"HEADSTART_TEST={os.getpid()}/"
    environment = {**os.environ, "HEADSTART_TEST": f"{os.getpid()}/app-1/"}
    with subprocess.Popen([sys.executable, "-c", SLEEP], env=environment) as process:
        wait_until(lambda: marked(entry) == [process.pid])
        longer = marked(f"{entry}app-10/")
        survivors = kill_all(lambda: marked(entry), 10)
        status = process.wait()

    assert longer == []
    assert survivors == []
    assert status == -9


def test_what_cannot_be_killed_is_told_after_the_time() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:
        process.kill()
        # Not waited for: it stays a zombie, and this finder does not leave those out.
        assert kill_all(lambda: [process.pid], 0.0) == [process.pid]


def test_a_handle_may_be_asked_by_several_threads_at_once() -> None:
    handle = Handle(os.getpid())
    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(lambda _: handle.alive(), range(20_000)))
    handle.close()

    assert answers == {True}


def test_a_handle_sees_the_end_and_kills() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:
        handle = Handle(process.pid)
        alive = handle.alive()
        handle.kill()
        wait_until(lambda: not handle.alive())
        handle.kill()
        process.wait()
        handle.close()
        handle.close()

    assert alive
    assert not handle.alive()
    with pytest.raises(ProcessLookupError):
        Handle(process.pid)
