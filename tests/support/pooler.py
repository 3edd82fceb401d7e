"""PgBouncer before a server, on a port of its own."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.postgres_server import PostgresServer
from support.running import free_port
from support.waiting import wait_until


class Pooler:
    """`mode` is "session", "transaction" or "statement"; `more` are lines of its settings."""

    def __init__(self, server: PostgresServer, mode: str, more: str = "") -> None:
        self._server = server
        self._more = more
        self._port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="hs-pooler-"))
        self._file = self._folder / "pgbouncer.ini"
        (self._folder / "users").write_text('"tester" ""\n')
        self.say(mode)
        if server.owner:
            os.chown(self._folder, server.owner["user"], server.owner["group"])
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["pgbouncer", str(self._file)], stdout=log, stderr=log, **server.owner
            )
        wait_until(self._answers)

    def say(self, mode: str) -> None:
        """How sessions are handed out, from the next start on."""
        self._file.write_text(
            f"[databases]\n* = host={self._server.folder}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self._port}\n"
            "unix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {self._folder / 'users'}\npool_mode = {mode}\n"
            f"default_pool_size = 40\n{self._more}\n"
        )

    def reload(self, mode: str) -> None:
        """The same now; returns before it is so."""
        self.say(mode)
        self._process.send_signal(signal.SIGHUP)

    def url_of(self, url: str) -> str:
        """A database of the server, by this way."""
        name = url.partition("@/")[2].partition("?")[0]
        return f"postgresql://tester@127.0.0.1:{self._port}/{name}"

    def close(self) -> None:
        """End it, and all connections by it."""
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder)

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0


@contextmanager
def pooler(server: PostgresServer, mode: str, more: str = "") -> Iterator[Pooler]:
    """Started; killed at the end."""
    made = Pooler(server, mode, more)
    try:
        yield made
    finally:
        made.close()
