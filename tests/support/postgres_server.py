"""A PostgreSQL server of a test's own, on a socket in a folder of its own."""

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from support.waiting import wait_until

_DEBIANS = Path("/usr/lib/postgresql")
# What a server of a moment needs none of; a test that looks at durability says otherwise.
_QUICK = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "16MB",
    "max_wal_size": "256MB",
    "autovacuum_naptime": "5s",
}


def programs() -> Path | None:
    """The folder of the newest PostgreSQL that is installed; None: none is."""
    found = sorted(_DEBIANS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def missing() -> str | None:
    """Why no server can be started here; None: one can."""
    if programs() is None:
        return "not installed: PostgreSQL's server (Debian package postgresql)"
    if os.geteuid() == 0 and _owner() is None:
        return "PostgreSQL does not run as root, and there is no user postgres"
    return None


def _owner() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return None


class PostgresServer:
    """Started by `start`; gone, with all that it holds, after `close`."""

    # Its socket is named by it, too.
    port = 5432

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """Make its files. `settings` are added to those that make it quick."""
        self._place()
        self._run(
            "initdb",
            "--pgdata",
            self.data,
            "--no-sync",
            "--username=tester",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        )
        self._set({**_QUICK, "listen_addresses": "''", **(settings or {})})

    def _place(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hs-pg-"))
        self.data = self.folder / "data"
        self._numbers = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._starter = ThreadPoolExecutor(1)
        self.owner: dict[str, Any] = {}
        owner = _owner()
        if os.geteuid() == 0 and owner is not None:
            self.owner = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def _set(self, settings: Mapping[str, str]) -> None:
        own = {**settings, "unix_socket_directories": f"'{self.folder}'"}
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n".join(["", *(f"{name} = {value}" for name, value in own.items()), ""]))

    def _run(self, program: str, *arguments: object) -> str:
        folder = programs()
        assert folder is not None
        done = subprocess.run(
            [str(folder / program), *map(str, arguments)],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
            **self.owner,
        )
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def start(self) -> None:
        """Returns once it answers."""
        self._process = self._starter.submit(self._started).result()
        wait_until(self._answers)

    def _started(self) -> "subprocess.Popen[bytes]":
        folder = programs()
        assert folder is not None
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                # It ends with the thread that started it, which is none of its user's.
                ["setpriv", "--pdeathsig", "INT", str(folder / "postgres"), "-D", str(self.data)],
                cwd="/",
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.owner,
            )

    def _answers(self) -> bool:
        folder = programs()
        command = [
            f"{folder}/pg_isready",
            "-q",
            "-h",
            str(self.folder),
            "-p",
            str(self.port),
            "-d",
            "postgres",
        ]
        return subprocess.run(command, check=False).returncode == 0

    @property
    def pid(self) -> int:
        """Of its first process."""
        assert self._process is not None
        return self._process.pid

    def stop(self, by: signal.Signals = signal.SIGINT) -> None:
        """End it at once, its sessions too; SIGQUIT: as a crash."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(30)
            self._process = None

    def close(self) -> None:
        """End it and remove its files."""
        self.stop()
        self._starter.shutdown()
        shutil.rmtree(self.folder)

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What a statement says, unaligned."""
        return self._run(
            "psql",
            "-qAtX",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            self.folder,
            "-p",
            self.port,
            "-U",
            "tester",
            "-d",
            database,
            "-c",
            statement,
        )

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"store{next(self._numbers)}"
        self.sql(f"CREATE DATABASE {name} STRATEGY file_copy")
        return self.url_of(name)

    def new_database_at(self, folder: Path) -> str:
        """The same, whose files are in a folder."""
        name = f"store{next(self._numbers)}"
        if self.owner:
            os.chown(folder, self.owner["user"], self.owner["group"])
        self.sql(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        self.sql(f"CREATE DATABASE {name} TABLESPACE {name} STRATEGY file_copy")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Remove a database of `new_database_at`."""
        name = url.partition("@/")[2].partition("?")[0]
        self.sql(f"DROP DATABASE {name}")
        self.sql(f"DROP TABLESPACE {name}")

    def url_of(self, database: str, user: str = "tester") -> str:
        """By its socket."""
        return f"postgresql://{user}@/{database}?host={self.folder}"


class Replica(PostgresServer):
    """A server that follows another one until it is promoted."""

    def __init__(self, primary: PostgresServer) -> None:
        """Copy what the other one, which runs, has."""
        self._place()
        self._run(
            "pg_basebackup",
            *("--host", primary.folder, "--port", primary.port, "--username", "tester"),
            *("--pgdata", self.data, "--write-recovery-conf", "--checkpoint", "fast", "--no-sync"),
        )
        self._set({})

    def promote(self) -> None:
        """Returns once it can be written to."""
        self.sql("SELECT pg_promote()")


@contextmanager
def with_replica() -> Iterator[tuple[PostgresServer, Replica]]:
    """Two servers, with a database headstart: the second has whatever the first acknowledges."""
    with ExitStack() as stack:
        first = PostgresServer()
        stack.callback(first.close)
        first.start()
        first.sql("CREATE DATABASE headstart")
        second = Replica(first)
        stack.callback(second.close)
        second.start()
        first.sql("ALTER SYSTEM SET synchronous_standby_names = '*'")
        first.sql("SELECT pg_reload_conf()")
        wait_until(lambda: "sync" in first.sql("SELECT sync_state FROM pg_stat_replication"))
        yield first, second
