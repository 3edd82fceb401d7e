"""Which runtime of which process is read, and what is said where there is none."""

from pathlib import Path

import pytest

from headstart.agent.counters.source import CannotRead, Reading, Target, target_of
from headstart.agent.counters.table import SOURCES, read_counters
from headstart.agent.deadline import Deadline
from headstart.words.counters import COUNTERS


def process(proc: Path, pid: int, inner: str, environment: bytes = b"") -> None:
    folder = proc / str(pid)
    (folder / "root" / "tmp").mkdir(parents=True)
    (folder / "status").write_text(f"Name:\tapp\nPid:\t{pid}\nNSpid:\t{inner}\nThreads:\t1\n")
    (folder / "environ").write_bytes(environment)


class Fake:
    """A source that knows the process with this inner pid."""

    offered_by = "a fake"
    tells = ()

    def __init__(self, inner_pid: int) -> None:
        self.inner_pid = inner_pid

    def read(self, target: Target, deadline: Deadline) -> Reading | None:
        return Reading("fake", {"gcs": 1.0}) if target.inner_pid == self.inner_pid else None


def test_a_process_is_named_as_it_names_itself(tmp_path: Path) -> None:
    process(tmp_path, 40, "40\t1", b"A=B\0TMPDIR=/scratch\0")
    process(tmp_path, 41, "41")

    assert target_of(40, tmp_path) == Target(tmp_path / "40" / "root", 1, "/scratch")
    assert target_of(41, tmp_path) == Target(tmp_path / "41" / "root", 41, "/tmp")


def test_the_first_process_that_has_a_runtime_is_read(tmp_path: Path) -> None:
    process(tmp_path, 40, "40\t1")
    process(tmp_path, 41, "41\t7")

    assert read_counters([39, 40, 41], tmp_path, [Fake(3), Fake(7)]).runtime == "fake"


def test_where_nothing_is_offered_it_is_said_what_was_looked_for(tmp_path: Path) -> None:
    process(tmp_path, 40, "40\t1")

    with pytest.raises(CannotRead, match=r"not offered: there is neither a \.NET .* nor a JVM"):
        read_counters([40], tmp_path)
    with pytest.raises(CannotRead, match="not offered"):
        read_counters([39], tmp_path)


def test_a_process_of_somebody_else_needs_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_pid: int, _proc: Path) -> Target:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("headstart.agent.counters.table.target_of", refused)

    with pytest.raises(CannotRead, match="not root"):
        read_counters([40], tmp_path)


def test_what_the_sources_know_is_what_reports_show() -> None:
    assert {counter for each in SOURCES for counter in each.tells} == set(COUNTERS)
    assert len({counter.name for counter in COUNTERS}) == len(COUNTERS)
