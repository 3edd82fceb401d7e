"""The kernel's exec and exit events are found for one process, from one moment on."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.agent.linux import proc_connector
from headstart.agent.linux.proc_connector import ProcConnector, ProcEvent, parse
from headstart.agent.runtimes.launch_gate import GateFolder

pytestmark = pytest.mark.alone

# As received from Linux 6.18: an acknowledgement, and the exec of process 12806
# by a thread 12809 of it.
ACKNOWLEDGEMENT = bytes.fromhex(
    "4c000000 0300 0000 b5000000 00000000"
    "01000000 01000000 b5000000 08070605 2800 0000"
    "00000000 01000000 f6af952a79010000 00000000 00000000"
    "00000000 00000000 00000000 00000000"
)
EXEC = bytes.fromhex(
    "4c000000 0300 0000 b6000000 00000000"
    "01000000 01000000 b6000000 00000000 2800 0000"
    "02000000 00000000 0e42772c79010000 09320000 06320000"
    "00000000 00000000 00000000 00000000"
)
# As above, the exit of thread 12809 of process 12806.
EXIT = bytes.fromhex(
    "4c000000 0300 0000 b7000000 00000000"
    "01000000 01000000 b7000000 00000000 2800 0000"
    "00000080 00000000 0f42772c79010000 09320000 06320000"
    "00000000 11000000 00000000 00000000"
)


def test_events_of_one_datagram_are_parsed_in_order() -> None:
    assert list(parse(ACKNOWLEDGEMENT + EXEC + EXIT)) == [
        ProcEvent(what=0, monotonic_ns=1619917123574, pid=0, acknowledges=0x05060708),
        ProcEvent(what=2, monotonic_ns=1619948683790, pid=12806, acknowledges=0),
        ProcEvent(what=0x80000000, monotonic_ns=1619948683791, pid=12806, acknowledges=0),
    ]


@pytest.mark.parametrize("length", [0, 1, 15, 36, 59])
def test_a_datagram_cut_short_has_no_event(length: int) -> None:
    assert list(parse(EXEC[:length])) == []


def test_a_message_that_claims_no_length_does_not_loop() -> None:
    assert len(list(parse(bytes(4) + EXEC[4:]))) < 10


@pytest.fixture
def connector() -> Iterator[ProcConnector]:
    opened = ProcConnector.open()
    if opened is None:
        pytest.skip("the kernel does not acknowledge: not in the host's own namespaces")
    yield opened
    opened.close()


@pytest.mark.root
def test_exec_is_stamped_between_the_gates_stamp_and_the_programs_end(
    connector: ProcConnector, tmp_path: Path
) -> None:
    folder = GateFolder.make(tmp_path)
    with subprocess.Popen(folder.argv(["/bin/true"], str(folder.path))) as process:
        assert folder.wait_blocked(10, lambda: process.poll() is None)
        opened_ns = folder.open()
        exec_ns = connector.exec_ns(process.pid, opened_ns, timeout_seconds=10)
    stamps = folder.stamps()
    folder.close()

    assert stamps is not None
    assert exec_ns is not None
    assert stamps.exec_ns < exec_ns < time.monotonic_ns()


@pytest.mark.root
def test_an_exec_before_the_asked_time_is_not_the_one(connector: ProcConnector) -> None:
    with subprocess.Popen(["/bin/true"]) as process:
        process.wait()

    assert connector.exec_ns(process.pid, time.monotonic_ns(), timeout_seconds=0) is None


@pytest.mark.root
def test_execs_of_others_are_passed_over(connector: ProcConnector) -> None:
    before_ns = time.monotonic_ns()
    processes = [subprocess.Popen(["/bin/true"]) for _ in range(20)]
    for process in processes:
        process.wait()

    assert connector.exec_ns(processes[-1].pid, before_ns, timeout_seconds=10) is not None


# Waits for a line, then ends: as a process of one thread, or so that its first thread
# ends long before the last.
_ENDS = "import sys; sys.stdin.readline()"
_LAST_THREAD_ENDS = """
import ctypes, sys, threading
def last():
    sys.stdin.readline()
    with open("/proc/self/stat") as file:
        while " Z " not in file.read():
            file.seek(0)
    print("only the last", flush=True)
    sys.stdin.readline()
    ctypes.CDLL(None)._exit(0)
threading.Thread(target=last).start()
ctypes.CDLL(None).syscall(60, 0)  # exit of this thread alone
"""


@pytest.mark.root
def test_the_exit_of_the_watched_process_is_stamped_and_no_others(connector: ProcConnector) -> None:
    with subprocess.Popen([sys.executable, "-S", "-c", _ENDS], stdin=subprocess.PIPE) as process:
        connector.watch(process.pid)
        for _ in range(5):
            subprocess.run(["/bin/true"], check=True)
        told_ns = time.monotonic_ns()
        process.communicate(b"\n")
        gone_ns = time.monotonic_ns()
        exit_ns = connector.exit_ns(process.pid, timeout_seconds=10)

    assert exit_ns is not None
    assert told_ns < exit_ns
    # The stamp follows the news of the exit at once, unless somebody takes the CPU.
    assert exit_ns < gone_ns + 1_000_000_000
    assert connector.overruns == 0


@pytest.mark.root
def test_a_process_ends_with_the_last_of_its_threads(connector: ProcConnector) -> None:
    with subprocess.Popen(
        [sys.executable, "-S", "-c", _LAST_THREAD_ENDS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        connector.watch(process.pid)
        process.stdin.write(b"\n")
        process.stdin.flush()
        process.stdout.readline()
        first_gone_ns = time.monotonic_ns()
        process.communicate(b"\n")
        exit_ns = connector.exit_ns(process.pid, timeout_seconds=10)

    assert exit_ns is not None
    assert exit_ns > first_gone_ns


@pytest.mark.root
def test_where_an_exit_may_have_been_lost_none_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proc_connector, "_RECEIVE_BUFFER_BYTES", 0)  # the kernel's minimum
    connector = ProcConnector.open()
    if connector is None:
        pytest.skip("the kernel does not acknowledge")
    threads = (
        "import threading, sys; sys.stdin.readline()\n"
        "for _ in range(50): t = threading.Thread(target=int); t.start(); t.join()"
    )
    try:
        with subprocess.Popen(
            [sys.executable, "-S", "-c", threads], stdin=subprocess.PIPE
        ) as process:
            connector.watch(process.pid)
            process.communicate(b"\n")

        assert connector.exit_ns(process.pid, timeout_seconds=0) is None
        assert connector.overruns > 0
    finally:
        connector.close()


@pytest.mark.root
def test_after_a_watch_execs_of_all_are_seen_again_once_forgotten(connector: ProcConnector) -> None:
    connector.watch(os.getpid())
    connector.forget()
    before_ns = time.monotonic_ns()
    process = subprocess.Popen(["/bin/true"])
    process.wait()

    assert connector.exec_ns(process.pid, before_ns, timeout_seconds=10) is not None


@pytest.mark.root
def test_what_was_forgotten_is_not_found(connector: ProcConnector) -> None:
    before_ns = time.monotonic_ns()
    process = subprocess.Popen(["/bin/true"])
    process.wait()
    connector.forget()

    assert connector.exec_ns(process.pid, before_ns, timeout_seconds=0) is None


@pytest.mark.root
def test_an_overrun_is_counted_and_later_events_are_still_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proc_connector, "_RECEIVE_BUFFER_BYTES", 0)  # the kernel's minimum
    connector = ProcConnector.open()
    if connector is None:
        pytest.skip("the kernel does not acknowledge")
    try:
        for _ in range(20):
            subprocess.run(["/bin/true"], check=True)
        connector.forget()
        overruns = connector.overruns
        before_ns = time.monotonic_ns()
        process = subprocess.Popen(["/bin/true"])
        process.wait()

        assert overruns > 0
        assert connector.exec_ns(process.pid, before_ns, timeout_seconds=10) is not None
    finally:
        connector.close()


@pytest.mark.root
def test_without_rights_there_is_no_connector() -> None:
    script = (
        "import os; from headstart.agent.linux.proc_connector import ProcConnector;"
        "os.setgid(65534); os.setuid(65534); print(ProcConnector.open())"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ
    )

    assert result.stdout == "None\n"
