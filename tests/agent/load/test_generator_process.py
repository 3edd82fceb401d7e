"""A generator's process ends with whoever started it, and is looked after meanwhile."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from headstart.agent.load.generator_process import Watch, cores_of, reap, start_pinned
from headstart.v1.records_pb2 import FailureCode, LoadSummary
from support.load_tasks import load_of, task_of

pytestmark = pytest.mark.alone


def start(*argv: str) -> subprocess.Popen[bytes]:
    null = subprocess.DEVNULL
    return start_pinned(list(argv), "", null, null, null)


def test_a_process_that_does_not_end_is_killed() -> None:
    process = start("sleep", "600")

    reap(process, 0.0)

    assert process.returncode == -9


def test_cpu_time_is_that_of_the_process() -> None:
    code = "import time\nwhile time.process_time() < 0.2: pass"

    seconds = reap(start(sys.executable, "-c", code), 60.0)

    assert 0.2 <= seconds < 2.0


def test_a_process_dies_with_the_one_that_started_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, os, signal\n"
        "from headstart.agent.load.generator_process import start_pinned\n"
        "null = subprocess.DEVNULL\n"
        "process = start_pinned(['sleep', '600'], '', null, null, null)\n"
        "while open(f'/proc/{process.pid}/comm').read() != 'sleep\\n': pass\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )

    parent = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)

    wait_until_gone(int(parent.stdout))


def test_cores_are_those_of_the_list_or_of_the_host() -> None:
    assert cores_of("0") == 1
    assert cores_of("0-3,7") == 5
    assert cores_of("") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("alive", "cancelled", "code"),
    [
        (True, True, FailureCode.FAILURE_CODE_CANCELLED),
        (False, False, FailureCode.FAILURE_CODE_DIED),
        (False, True, FailureCode.FAILURE_CODE_CANCELLED),
    ],
)
def test_the_load_ends_when_nobody_wants_it_or_answers_it(
    alive: bool, cancelled: bool, code: int, tmp_path: Path
) -> None:
    task = task_of(load_of(), 9, tmp_path, lambda: alive, cancelled=lambda: cancelled)

    failure = Watch(task, os.getpid()).look()

    assert failure is not None
    assert failure.code == code


def test_time_spent_waiting_for_a_core_is_found(tmp_path: Path) -> None:
    """Two processes that compute on one core wait for each other."""
    burn = "import time\nend = time.monotonic() + 30\nwhile time.monotonic() < end: pass"
    cpu = str(max(os.sched_getaffinity(0)))
    null = subprocess.DEVNULL
    burning = [start_pinned([sys.executable, "-c", burn], cpu, null, null, null) for _ in range(2)]
    try:
        watch = Watch(task_of(load_of(), 9, tmp_path), burning[0].pid)
        summary = LoadSummary()
        deadline = time.monotonic() + 20
        while summary.generator_run_delay_max_us < 50_000 and time.monotonic() < deadline:
            time.sleep(0.05)
            assert watch.look() is None
            watch.describe(summary)
    finally:
        for process in burning:
            reap(process, 0.0)

    assert summary.generator_run_delay_max_us >= 50_000
    assert summary.generator_run_delay_seconds >= 0.05


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return
        if state == "Z":
            return  # killed; whoever adopted it reaps it
        time.sleep(0.01)
    pytest.fail(f"process {pid} still runs")
