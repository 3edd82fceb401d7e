"""Commands that read runs, on the folder that `headstart run` left."""

import fcntl
import shutil
import socket
import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from headstart.words import metrics
from support.fake_runs import small
from support.recorded import recorded
from support.running import HEADSTART, Ran, headstart


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder with `.headstart` in it, and its run."""
    folder = tmp_path_factory.mktemp("kept")
    data = folder / ".headstart" / "collector"
    (run_id,) = recorded(data, small().experiment(), small(blocks=2).records(), host="bench-1")
    return folder, run_id


def nowhere(folder: Path) -> dict[str, str]:
    """No collector of this user listens."""
    return {"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder)}


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["status"], "players-api on bench-1: done"),
        (["report", "RUN"], "aot against jit"),
        (["gate", "RUN"], "players-api on bench-1: "),
        (["gate"], "players-api on bench-1: "),
        (["history", "players-api"], metrics.STARTUP.name),
        (["compare", "RUN", "RUN"], "B against A"),
        (["pool", "RUN"], "players-api on 1 host"),
        (["watch", "RUN"], "done"),
    ],
)
def test_runs_in_the_working_directory_are_found(
    kept: tuple[Path, str], command: list[str], expected: str
) -> None:
    folder, run_id = kept
    words = [word.replace("RUN", run_id) for word in command]
    ran = headstart(*words, cwd=folder, env=nowhere(folder))

    assert expected in ran.output + ran.errors
    assert "no runs are found" not in ran.errors
    assert ran.status in (0, 1, 4), ran.errors


def test_export_finds_them_too(kept: tuple[Path, str], tmp_path: Path) -> None:
    folder, run_id = kept
    ran = headstart("export", run_id, "-o", tmp_path, "--data", folder / ".headstart")

    assert ran.status == 0, ran.errors
    assert (tmp_path / f"{run_id}.trials.parquet").exists()


def test_a_report_without_an_id_is_the_latest_ones(kept: tuple[Path, str]) -> None:
    folder, run_id = kept
    ran = headstart("report", "--data", folder / ".headstart", "--format", "markdown")

    assert ran.status == 0, ran.errors
    assert run_id in ran.output


def test_the_collectors_own_folder_and_one_that_was_moved_are_read_as_well(
    kept: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run_id = kept
    moved = tmp_path / "under" / "another name"
    shutil.copytree(folder / ".headstart", moved)
    # As a killed run leaves it.
    with socket.socket(socket.AF_UNIX) as left:
        monkeypatch.chdir(moved / "collector")
        left.bind("collector.sock")
    whole = headstart("status", "--data", moved)
    inner = headstart("status", "--data", moved / "collector")

    assert (whole.status, inner.status) == (0, 0), whole.errors + inner.errors
    assert run_id in whole.output
    assert run_id in inner.output


def test_a_folder_too_deep_for_a_socket_is_read(kept: tuple[Path, str], tmp_path: Path) -> None:
    folder, run_id = kept
    deep = tmp_path / ("d" * 90) / "data"
    shutil.copytree(folder / ".headstart", deep)
    ran = headstart("status", "--data", deep)

    assert ran.status == 0, ran.errors
    assert run_id in ran.output


def test_what_was_looked_for_is_told(tmp_path: Path) -> None:
    ran = headstart("status", cwd=tmp_path, env=nowhere(tmp_path))
    folder = headstart("status", "--data", tmp_path)

    assert ran.status == 3
    assert "no collector answers at unix:" in ran.errors
    assert str(tmp_path / ".headstart") in ran.errors
    assert "--data" in ran.errors
    assert folder.status == 2
    assert f"--data {tmp_path}: no runs are stored there" in folder.errors


def test_two_answers_to_one_question_are_refused(tmp_path: Path) -> None:
    ran = headstart("status", "--data", tmp_path, "--collector", "unix:/x")

    assert ran.status == 2
    assert "exclude each other" in ran.errors


def test_files_of_reports_need_no_runs(kept: tuple[Path, str], tmp_path: Path) -> None:
    folder, run_id = kept
    report = tmp_path / "report.json"
    headstart("report", run_id, "--data", folder / ".headstart", "-o", report)
    ran = headstart("gate", report, cwd=tmp_path, env=nowhere(tmp_path))

    assert "no runs are found" not in ran.errors
    assert "players-api on bench-1" in ran.output


def test_while_a_run_goes_on_its_own_collector_answers(
    kept: tuple[Path, str], tmp_path: Path
) -> None:
    folder, run_id = kept
    copy = tmp_path / "data"
    shutil.copytree(folder / ".headstart", copy)
    own = copy / "collector"
    address = f"unix:{own / 'collector.sock'}"
    serving = subprocess.Popen(
        [HEADSTART, "collector", "--data", own, "--listen", address, "--metrics-listen", "none"],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stderr is not None
        while "collector listens" not in serving.stderr.readline():
            assert serving.poll() is None
        ran = headstart("status", "--data", copy)
    finally:
        serving.terminate()
        serving.communicate()

    assert ran.status == 0, ran.errors
    assert run_id in ran.output


def test_two_that_read_at_once_wait_for_each_other(kept: tuple[Path, str]) -> None:
    folder, run_id = kept
    lock = (folder / ".headstart" / "collector" / "collector.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    found: list[Ran] = []
    reading = threading.Thread(
        target=lambda: found.append(headstart("status", "--data", folder / ".headstart"))
    )
    reading.start()
    reading.join(3)
    assert reading.is_alive()
    lock.close()
    reading.join()

    assert found[0].status == 0, found[0].errors
    assert run_id in found[0].output


def test_a_store_of_a_newer_release_is_one_line(kept: tuple[Path, str], tmp_path: Path) -> None:
    folder, _ = kept
    copy = tmp_path / "data"
    shutil.copytree(folder / ".headstart", copy)
    with closing(sqlite3.connect(copy / "collector" / "headstart.sqlite")) as store, store:
        store.execute("UPDATE version SET version = 999")
    ran = headstart("status", "--data", copy)

    assert ran.status == 3
    assert len(ran.errors.splitlines()) == 1
    assert "version 999" in ran.errors


def test_a_metric_that_there_is_not_is_told_with_the_nearest(kept: tuple[Path, str]) -> None:
    folder, _ = kept
    ran = headstart(
        "history", "players-api", "--metric", "startup", cwd=folder, env=nowhere(folder)
    )

    assert ran.status == 2
    assert "there is no metric 'startup'; did you mean startup_seconds" in ran.errors
