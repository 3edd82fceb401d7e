"""An agent does not work on the CPUs that it measures on."""

import os
import subprocess
import sys
import threading

import pytest

from headstart.agent.linux.affinity import avoid_cpus

CPUS = sorted(os.sched_getaffinity(0))

needs_two = pytest.mark.skipif(len(CPUS) < 2, reason="one CPU only")


@needs_two
def test_all_threads_leave_and_come_back() -> None:
    known, go_on = threading.Event(), threading.Event()
    ids: list[int] = []

    def live() -> None:
        ids.append(threading.get_native_id())
        known.set()
        go_on.wait(30)

    thread = threading.Thread(target=live)
    thread.start()
    known.wait(30)
    with avoid_cpus(str(CPUS[0])):
        inside = [os.sched_getaffinity(0), os.sched_getaffinity(ids[0])]
    after = [os.sched_getaffinity(0), os.sched_getaffinity(ids[0])]
    go_on.set()
    thread.join()

    assert inside == [set(CPUS[1:])] * 2
    assert after == [set(CPUS)] * 2


@needs_two
def test_what_is_started_meanwhile_stays_away_too_and_comes_back() -> None:
    go_on = threading.Event()
    script = "import os; print(sorted(os.sched_getaffinity(0)))"
    with avoid_cpus(str(CPUS[0])):
        thread = threading.Thread(target=go_on.wait)
        thread.start()
        assert thread.native_id is not None
        inside = os.sched_getaffinity(thread.native_id)
        child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    after = os.sched_getaffinity(thread.native_id)
    go_on.set()
    thread.join()

    assert inside == set(CPUS[1:])
    assert child.stdout.strip() == str(CPUS[1:])
    assert after == set(CPUS)


@pytest.mark.parametrize("cpus", ["", ",".join(map(str, CPUS)), "4095"])
def test_without_another_cpu_nothing_changes(cpus: str) -> None:
    with avoid_cpus(cpus):
        assert os.sched_getaffinity(0) == set(CPUS)

    assert os.sched_getaffinity(0) == set(CPUS)


@needs_two
def test_it_may_be_nested() -> None:
    with avoid_cpus(str(CPUS[0])):
        with avoid_cpus(str(CPUS[0])):
            assert os.sched_getaffinity(0) == set(CPUS[1:])
        assert os.sched_getaffinity(0) == set(CPUS[1:])

    assert os.sched_getaffinity(0) == set(CPUS)
