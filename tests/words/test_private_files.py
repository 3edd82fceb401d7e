"""What nobody else may read is so whatever the umask, and becomes so when it was not."""

import logging
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from headstart.words.private_files import (
    KeyExposed,
    locked_file,
    private_database,
    private_file,
    private_folder,
    read_private_key,
    write_private,
)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_what_is_made_is_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "made")
    write_private(folder / "report", b"x")

    assert mode(folder) == 0o700
    assert mode(folder / "report") == 0o600
    assert mode(private_file(folder / "lock")) == 0o600


@pytest.mark.usefixtures("umask")
def test_a_database_and_its_log_are_private(tmp_path: Path) -> None:
    path = private_database(tmp_path / "db")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE t (x)")
    modes = {mode(each) for each in tmp_path.iterdir()}
    connection.close()

    assert modes == {0o600}


def test_what_an_older_release_left_open_is_closed_with_a_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    for name in ("db", "db-wal"):
        (folder / name).write_bytes(b"")
        (folder / name).chmod(0o644)
    folder.chmod(0o755)

    with caplog.at_level(logging.WARNING):
        private_folder(folder, marks=("db",))
        private_database(folder / "db")

    assert [mode(folder), mode(folder / "db"), mode(folder / "db-wal")] == [0o700, 0o600, 0o600]
    assert [record.getMessage() for record in caplog.records] == [
        f"{folder}: others could read it (mode 0755); now it has mode 0700",
        f"{folder}/db: others could read it (mode 0644); now it has mode 0600",
        f"{folder}/db-wal: others could read it (mode 0644); now it has mode 0600",
    ]


def test_a_folder_that_is_not_ours_is_left_as_it_is(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "of-somebody").write_text("")
    shared.chmod(0o1777)

    private_folder(shared, marks=("db",))

    assert mode(shared) == 0o1777


def test_a_private_key_is_read(tmp_path: Path) -> None:
    key = tmp_path / "key"
    write_private(key, b"secret")

    assert read_private_key(key) == b"secret"
    key.chmod(0o400)
    assert read_private_key(key) == b"secret"


@pytest.mark.parametrize("bits", [0o604, 0o644, 0o660, 0o602, 0o601])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, bits: int) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    key.chmod(bits)

    with pytest.raises(KeyExposed, match=f"mode {bits:04o}.*: chmod 0600 {key}"):
        read_private_key(key)


@pytest.mark.root
def test_a_group_may_read_a_key_of_root_as_systemd_gives_it_and_no_other(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"secret")
    key.chmod(0o440)

    assert read_private_key(key) == b"secret"
    os.chown(key, 1000, 1000)
    with pytest.raises(KeyExposed, match="mode 0440"):
        read_private_key(key)


def test_a_lock_is_one_holders_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = locked_file(path)
    with pytest.raises(BlockingIOError):
        locked_file(path)
    os.close(held)

    os.close(locked_file(path))
