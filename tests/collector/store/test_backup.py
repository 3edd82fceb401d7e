"""Backups of collectors that run, and folders that are made of them."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from headstart.collector.config import CollectorConfig
from headstart.collector.server import Collector
from headstart.collector.store.backups import BackupFault, BackupRefused, make
from headstart.collector.store.restoring import restore
from headstart.v1.experiments_pb2 import RunState
from support.attending import (
    OPEN_PORT,
    attend,
    collecting,
    ending,
    in_loop,
    run_of,
    starting,
    submit,
    watched,
)
from support.running import HEADSTART, headstart

QUEUED = RunState.RUN_STATE_QUEUED
DONE = RunState.RUN_STATE_DONE


async def one_done(collector: Collector) -> str:
    async with attend(collector.port) as agent:
        (run_id,) = await submit(collector.port)
        await agent.until("lease")
        acked = agent.welcome.acked_sequence
        await agent.send(starting(acked + 1, run_id), ending(acked + 2, run_id))
        await watched(collector.port, run_id, DONE)
    return run_id


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    """Of a collector that had an authority and a context, and was stopped."""

    @in_loop
    async def fill() -> None:
        async with collecting(tmp_path / "store", listen="127.0.0.1:0", plaintext=False):
            (tmp_path / "store/contexts" / ("0" * 64)).write_bytes(b"a context")

    fill()
    make(tmp_path / "store", tmp_path / "backup")
    return tmp_path / "backup"


@in_loop
async def test_a_collector_that_runs_is_copied_and_what_is_restored_has_its_runs(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path / "store") as collector:
        done = await one_done(collector)
        made = make(tmp_path / "store", tmp_path / "backup")
        later = await one_done(collector)
        store_id = collector._store.id
    restore(tmp_path / "backup", tmp_path / "again")
    async with collecting(tmp_path / "again") as collector:
        assert collector._store.id == store_id
        assert (await run_of(collector.port, done)).state == DONE
        with pytest.raises(Exception, match=later):
            await run_of(collector.port, later)
    assert made.files.keys() == {"headstart.sqlite"}


def test_a_backup_has_the_authority_and_the_contexts_and_is_private(
    tmp_path: Path, backup: Path
) -> None:
    files = {str(path.relative_to(backup)) for path in backup.rglob("*") if path.is_file()}
    assert {"backup.json", "headstart.sqlite", "identity/authority.key"} < files
    assert f"contexts/{'0' * 64}" in files
    for path in (backup, *backup.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "store"]

    restore(backup, tmp_path / "again")
    for name in files - {"backup.json", "headstart.sqlite"}:
        assert (tmp_path / "again" / name).read_bytes() == (backup / name).read_bytes()
        assert stat.S_IMODE((tmp_path / "again" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "again").iterdir()) == [
        "collector.lock",
        "contexts",
        "headstart.sqlite",
        "identity",
    ]


def test_nothing_is_replaced(tmp_path: Path, backup: Path) -> None:
    with pytest.raises(BackupRefused, match="is there already"):
        make(tmp_path / "store", backup)
    with pytest.raises(BackupRefused, match=r"has contexts, headstart\.sqlite"):
        restore(backup, tmp_path / "store")
    with pytest.raises(BackupRefused, match=r"there is no headstart\.sqlite"):
        make(tmp_path, tmp_path / "other")
    with pytest.raises(BackupRefused, match="expected a folder that `headstart backup` made"):
        restore(tmp_path, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_folder_of_a_collector_that_runs_is_not_restored_into(
    tmp_path: Path, backup: Path
) -> None:
    @in_loop
    async def both() -> None:
        collector = await Collector.start(CollectorConfig(data=tmp_path / "data", **OPEN_PORT))
        try:
            with pytest.raises(BackupRefused, match="is in use by another collector"):
                restore(backup, tmp_path / "data")
        finally:
            await collector.stop()

    both()


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def _turn(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["headstart.sqlite", "identity/authority.key"])
@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_cut, "bytes, .* were written"),
        (_turn, "its SHA-256 is another"),
        (Path.unlink, "is not there"),
    ],
)
def test_a_backup_that_was_changed_is_refused_with_the_file(
    tmp_path: Path, backup: Path, name: str, harm: Callable[[Path], None], words: str
) -> None:
    harm(backup / name)
    with pytest.raises(BackupFault, match=f"{name} .*{words}|{name} {words}"):
        restore(backup, tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"store_version": 99}, "upgrade headstart"),
        ({"format": 2}, "has format 2"),
        ({"files": {}}, r"does not name headstart\.sqlite"),
        ({"files": {"../x": {"bytes": 1, "sha256": ""}}}, "is no file of a backup"),
        ({"files": []}, "is no list of a backup"),
    ],
)
def test_a_list_that_cannot_be_is_refused(
    tmp_path: Path, backup: Path, change: dict[str, object], words: str
) -> None:
    said = json.loads((backup / "backup.json").read_text())
    (backup / "backup.json").write_text(json.dumps(said | change))
    with pytest.raises(BackupRefused, match=words):
        restore(backup, tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.usefixtures("backup")
def test_of_a_damaged_store_there_is_no_backup(tmp_path: Path) -> None:
    store = tmp_path / "store/headstart.sqlite"
    with sqlite3.connect(store) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'audit'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with store.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(os.urandom(size))
    with pytest.raises(BackupFault, match=r"malformed|damaged"):
        make(tmp_path / "store", tmp_path / "second")
    assert not list(tmp_path.glob(".headstart*"))
    assert not (tmp_path / "second").exists()


def test_what_a_killed_one_left_is_removed_by_the_next(tmp_path: Path, backup: Path) -> None:
    left = tmp_path / ".headstart-backup-0a"
    left.mkdir()
    (left / "headstart.sqlite").write_bytes(b"half")
    make(tmp_path / "store", tmp_path / "second")
    assert not left.exists()

    half = tmp_path / "again"
    (half / ".headstart-restore-0a").mkdir(parents=True)
    (half / "identity").mkdir()
    restore(backup, half)
    assert (half / "identity/authority.key").exists()
    assert not list(half.glob(".*"))


@in_loop
async def test_a_run_that_waits_gets_an_attempt_that_nobody_can_have_records_of(
    tmp_path: Path,
) -> None:
    async with collecting(tmp_path / "store") as collector:
        await one_done(collector)
        (run_id,) = await submit(collector.port)
    make(tmp_path / "store", tmp_path / "backup")
    given_out = set()
    # What the first one gave out nobody knows any more, once the second is made of the same backup.
    for name in ("again", "once more"):
        restore(tmp_path / "backup", tmp_path / name)
        async with collecting(tmp_path / name) as collector, attend(collector.port) as agent:
            leased = (await agent.until("lease")).attempt
            assert leased.run_id == run_id
            given_out.add(leased.attempt)
    assert len(given_out) == 2
    assert all(attempt > 1000 for attempt in given_out)


def test_the_commands(tmp_path: Path, backup: Path) -> None:
    store = tmp_path / "store"
    said = headstart("backup", tmp_path / "b2", "--data", store)
    assert (said.status, said.errors) == (0, ""), said
    assert said.output.startswith(f"{tmp_path}/b2: ")
    assert headstart("backup", tmp_path / "b2", "--data", store).status == 2
    assert headstart("backup", tmp_path / "b3", "--data", tmp_path / "nothing").status == 2
    said = headstart("restore", tmp_path / "b2", "--data", tmp_path / "r2")
    assert said.status == 0
    assert "as of 20" in said.output
    assert "what was revoked since then holds again" in said.errors
    _turn(backup / "headstart.sqlite")
    said = headstart("restore", backup, "--data", tmp_path / "r3")
    assert (said.status, said.output) == (3, "")
    assert "its SHA-256 is another" in said.errors


@pytest.mark.usefixtures("backup")
def test_a_backup_that_is_killed_leaves_no_backup(tmp_path: Path) -> None:
    # So large that it is still being written.
    with (tmp_path / "store/contexts" / ("1" * 64)).open("wb") as file:
        file.truncate(4 << 30)
    process = subprocess.Popen([HEADSTART, "backup", tmp_path / "b2", "--data", tmp_path / "store"])
    while not list(tmp_path.glob(".headstart-backup-*/contexts/1*")):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    (tmp_path / "store/contexts" / ("1" * 64)).unlink()
    assert not (tmp_path / "b2").exists()
    make(tmp_path / "store", tmp_path / "b2")
    assert not list(tmp_path.glob(".headstart-backup-*"))
