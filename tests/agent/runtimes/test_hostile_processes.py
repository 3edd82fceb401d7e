"""What an app does to its own processes is read within bounds."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.linux import cgroup
from headstart.agent.linux.cgroup import Cgroup, CgroupV2
from headstart.agent.linux.exit_accounting import ExitAccounting
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.probe import readings as probe_readings
from headstart.agent.runtimes import members
from headstart.agent.runtimes.launch_gate import GateFolder
from headstart.agent.sampling import memory, processes
from headstart.agent.sampling.processes import ProcessGroup
from headstart.agent.trial.startup import stamp_exec
from headstart.v1.records_pb2 import ExecStamp, Phase, Startup


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """Until the test is over, for readings that the kernel would not let return."""
    event = threading.Event()
    yield event
    event.set()
    for thread in threading.enumerate():
        if thread.name == "untrusted":
            thread.join()


class Peaks:
    def peak_rss(self, _phase: Phase.ValueType) -> int:
        return 0

    def cgroup_peak_bytes(self, _phase: Phase.ValueType) -> int:
        return 0

    def cpu_seconds(self) -> float:
        return 0.0


def test_mappings_that_cannot_be_read_in_time_are_not_measured(
    monkeypatch: pytest.MonkeyPatch, hanging: threading.Event
) -> None:
    monkeypatch.setattr(memory, "_SHARES_SECONDS", 0.05)
    monkeypatch.setattr(memory, "_shares", lambda _pids: hanging.wait())
    found = memory.phase_memory(Phase.PHASE_IDLE, [os.getpid()], None, Peaks())

    assert (found.pss_bytes, found.uss_bytes) == (0, 0)
    assert found.rss_bytes > 0


def test_a_process_whose_memory_hangs_does_not_hide_those_before_it(
    monkeypatch: pytest.MonkeyPatch, hanging: threading.Event
) -> None:
    monkeypatch.setattr(members, "_LOOK_SECONDS", 0.05)
    monkeypatch.setattr(members, "all_pids", lambda: [1, 2])
    monkeypatch.setattr(members, "is_running", lambda _pid: True)
    monkeypatch.setattr(members, "has_mark", lambda pid, _entry: pid == 1 or hanging.wait())

    assert members.marked("MARK=") == [1]


def test_of_very_many_processes_the_first_are_read_and_all_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_MAXIMUM_READ", 2)
    own = [os.getpid(), os.getppid(), *members.all_pids()[:3]]
    group = ProcessGroup(lambda: own)
    group.refresh()
    try:
        assert (len(group), group.most_beyond) == (5, 3)
        assert group.rss_bytes() > 0
    finally:
        group.close()


def test_the_end_of_a_list_that_was_cut_is_not_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cgroup, "_TEXT_BYTES", 10)
    (tmp_path / "cgroup.procs").write_text("1234\n56789\n")
    reader = CgroupV2(Cgroup(2, tmp_path, tmp_path, tmp_path))

    assert reader.pids() == [1234]
    reader.close()


def test_threads_without_number_have_no_run_delay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_readings, "_MAXIMUM_THREADS", 3)
    for thread in range(1, 5):
        folder = tmp_path / "1" / "task" / str(thread)
        folder.mkdir(parents=True)
        (folder / "schedstat").write_text("1 2 3")
        (folder / "children").write_text(" ".join(map(str, range(100))))

    assert probe_readings.run_delays_ns([1], tmp_path) == {}
    # Those of one process, and no further.
    assert len(probe_readings.descendants(1, tmp_path)) == 401


class Flooded:
    """A socket of events that never ends."""

    def recv(self, *_arguments: Any) -> bytes:
        return b""


def test_events_that_come_faster_than_they_are_read_end_nevertheless() -> None:
    connector = ProcConnector(Flooded())  # type: ignore[arg-type]  # receives as a socket does
    accounting = ExitAccounting(Flooded(), 0, b"")  # type: ignore[arg-type]  # the same

    assert connector.exec_ns(1, 0, timeout_seconds=0.0) is None
    assert accounting.high_water_bytes(1) is None


def test_a_stamp_that_is_no_file_or_cut_short_is_none(tmp_path: Path) -> None:
    gate = GateFolder.make(tmp_path)
    stamp = gate.path / "stamp"
    spoils: list[Callable[[], None]] = [
        lambda: os.mkfifo(stamp),
        lambda: stamp.symlink_to("/dev/zero"),
    ]
    for spoil in spoils:
        stamp.unlink()
        spoil()
        assert gate.stamps() is None
    gate.close()


class Stamped:
    """An instance whose stamp says this."""

    pid = 1

    def __init__(self, stamp_ns: int) -> None:
        self._stamp_ns = stamp_ns

    def exec_ns(self) -> int:
        return self._stamp_ns


@pytest.mark.parametrize("forged_ns", [-1, 999, 1 << 62])
def test_a_stamp_before_the_gate_opened_or_after_now_is_none(forged_ns: int) -> None:
    startup = Startup(gate_opened_monotonic_ns=1000)
    stamp_exec(startup, Stamped(forged_ns), None)  # type: ignore[arg-type]  # has what is asked

    assert startup.exec_stamp == ExecStamp.EXEC_STAMP_DEGRADED
