"""CPU times and run delays of a start are read of the right processes."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.agent.probe import readings as probe_readings
from headstart.agent.probe.readings import (
    ServerReader,
    cpu_clocks,
    descendants,
    has_lost_tasks,
    is_kernel_thread,
    last_pid,
    own_run_delay_ns,
    run_delays_ns,
)
from support.waiting import wait_until

# Ends a thread, a child that it waits for, or neither, when told; then stays.
ENDING = """if True:
    import subprocess, sys, threading
    print("ready", flush=True)
    for line in sys.stdin:
        if line == "thread\\n":
            thread = threading.Thread(target=lambda: bytearray(1 << 22))
            thread.start()
            thread.join()
        if line == "child\\n":
            subprocess.run(["/bin/true"])
        print("done", flush=True)
"""

pytestmark = pytest.mark.alone

# Uses CPU when told a number of ms, then says so; children are told through it.
WORKER = """if True:
    import sys, time
    def burn(ms):
        end = time.process_time() + ms / 1e3
        while time.process_time() < end: pass
    print("ready", flush=True)
    for line in sys.stdin:
        burn(float(line))
        print(time.process_time_ns(), flush=True)
"""


class Worker:
    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._line()

    def burn(self, ms: float) -> int:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{ms}\n")
        self.process.stdin.flush()
        return int(self._line())

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started = [Worker(), Worker()]
    yield started
    for worker in started:
        with worker.process as process:
            process.kill()


def test_cpu_time_is_the_apps_and_foreign_time_the_others(workers: list[Worker]) -> None:
    app, other = workers
    reader = ServerReader(app.process.pid, None)
    app.burn(100)
    reader.begin()
    app.burn(30)
    other.burn(70)
    spent = reader.since_begin()
    reader.close()

    assert spent.cpu_ns is not None
    assert 30_000_000 <= spent.cpu_ns < 100_000_000
    assert spent.cpu_resolution_ns == 1000
    assert spent.foreign_cpu_ns >= 70_000_000


def test_neighbours_that_cannot_run_where_the_app_does_are_not_foreign(
    workers: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one CPU only")
    app, other = workers
    monkeypatch.setattr(probe_readings, "all_pids", lambda: [other.process.pid])
    os.sched_setaffinity(app.process.pid, cpus[:1])
    os.sched_setaffinity(other.process.pid, cpus[1:])
    reader = ServerReader(app.process.pid, None)
    reader.begin()
    other.burn(50)
    apart = reader.since_begin()
    os.sched_setaffinity(other.process.pid, cpus[:1])
    other.burn(0)
    together = reader.since_begin()

    assert apart.foreign_cpu_ns == 0
    assert together.foreign_cpu_ns >= 50_000_000


def test_an_app_that_is_not_known_has_no_readings() -> None:
    reader = ServerReader(0, None)
    reader.begin()
    spent = reader.since_begin()

    assert (spent.cpu_ns, spent.cpu_resolution_ns, spent.run_delay_ns) == (None, 0, None)
    assert spent.foreign_cpu_ns == 0


def test_an_app_that_has_ended_has_no_readings() -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()
    reader = ServerReader(process.pid, None)
    reader.begin()

    assert reader.since_begin().cpu_ns is None


def test_children_belong_to_the_app() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "/bin/sh -c 'echo; sleep 60; true' & wait"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        while len(found := descendants(process.pid)) < 3:
            os.sched_yield()
        for pid in found:
            os.kill(pid, 9)

    assert found[0] == process.pid
    assert len(set(found)) == 3


def test_run_delays_are_those_of_every_thread(tmp_path: Path) -> None:
    for pid, thread, text in ((7, 7, "5000 11 3\n"), (7, 8, "1 22 1\n"), (9, 9, "1 33 1\n")):
        folder = tmp_path / str(pid) / "task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text(text)

    assert run_delays_ns([7, 9, 12], tmp_path) == {7: 11, 8: 22, 9: 33}


@pytest.mark.parametrize(("word", "lost"), [("nothing", False), ("thread", True), ("child", True)])
def test_a_thread_or_a_child_that_has_ended_is_noticed(word: str, lost: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ENDING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        process.stdout.readline()
        # A thread is joined a moment before it is gone.
        if lost:
            wait_until(lambda: has_lost_tasks([process.pid]))
        else:
            assert not has_lost_tasks([process.pid])
        process.stdin.close()


@pytest.mark.parametrize(
    ("ids", "ended", "waited"),
    [
        # Nobody ended: the smaller of run delay (30) and CPU time of others (20 or 40).
        (0, False, 20),
        (0, False, 30),
        # One of others' processes came and ended: what it used is not known.
        (1, False, 30),
        # One of the app's did: what it waited is not known.
        (0, True, 40),
        (1, True, None),
    ],
)
def test_a_wait_is_bounded_by_what_can_still_be_read(
    ids: int, ended: bool, waited: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = 20 if waited == 20 else 40
    clocks = {os.getpid(): 0, 1: 0}
    last_pids, delays = iter([100, 100 + ids]), iter([{5: 0}, {5: 30}])
    monkeypatch.setattr(probe_readings, "all_pids", lambda: [1])
    monkeypatch.setattr(probe_readings, "cpu_clocks", lambda pids: dict.fromkeys(pids, clocks[1]))
    monkeypatch.setattr(probe_readings, "last_pid", lambda: next(last_pids))
    monkeypatch.setattr(probe_readings, "run_delays_ns", lambda _pids: next(delays))
    monkeypatch.setattr(probe_readings, "has_lost_tasks", lambda _pids: ended)
    monkeypatch.setattr(probe_readings, "is_kernel_thread", lambda _pid: False)
    monkeypatch.setattr(probe_readings, "_affinity", lambda _pid: frozenset({0}))
    reader = ServerReader(os.getpid(), None)
    reader.begin()
    clocks[1] = foreign
    spent = reader.since_begin()

    assert spent.waited_ns == waited
    assert spent.cpus == 1


def test_ids_of_tasks_are_given_out_one_after_the_other() -> None:
    before = last_pid()
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()

    assert before < process.pid <= last_pid()


def test_kernel_threads_are_known() -> None:
    comm = Path("/proc/2/comm")
    if not comm.exists() or comm.read_text() != "kthreadd\n":
        pytest.skip("the kernel's threads cannot be seen from here")

    assert is_kernel_thread(2)
    assert not is_kernel_thread(os.getpid())
    assert not is_kernel_thread(2**22 + 1)


def test_the_clock_of_this_process_is_read() -> None:
    before = time.process_time_ns()
    clocks = cpu_clocks([os.getpid(), 2**22 + 1])

    assert before <= clocks[os.getpid()] <= time.process_time_ns()
    assert list(clocks) == [os.getpid()]
    assert own_run_delay_ns() >= 0
