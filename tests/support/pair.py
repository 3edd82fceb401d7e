"""Two collectors on one PostgreSQL database, each in a process that can be killed and frozen."""

import http.client
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.running import HEADSTART, free_port
from support.waiting import wait_until

_PATIENCE_SECONDS = 90.0


class Member:
    """One of them. It keeps its folder and its ports."""

    def __init__(
        self,
        folder: Path,
        store: str,
        options: Sequence[str] = (),
        host: str = "127.0.0.1",
        ports: tuple[int, int] | None = None,
    ) -> None:
        """`ports` are gRPC's and that of /metrics."""
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self.host = host
        self.port, self.metrics_port = ports or (free_port(), free_port())
        self.target = f"{host}:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        where = ("--listen", self.target, "--metrics-listen", f"{host}:{self.metrics_port}")
        what: tuple[str | Path, ...] = (
            "collector",
            "--data",
            folder,
            "--store",
            store,
            "--stand-by",
            "--no-reruns",
        )
        self._command = (HEADSTART, *what, *where, *(options or _PLAIN))

    def start(self) -> None:
        """Without waiting for anything; nothing if it lives."""
        if self.process is None or self.process.poll() is not None:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def end(self, number: int = signal.SIGKILL) -> int:
        """Send what ends it, and wait for that; its exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(number)
        # One that is frozen is killed all the same, and ends by nothing else.
        self.process.send_signal(signal.SIGCONT)
        code = self.process.wait(60)
        self.process = None
        return code

    def said(self, path: str) -> tuple[int, str]:
        """Status and text of a page of its HTTP port; 0: it does not answer."""
        connection = http.client.HTTPConnection(self.host, self.metrics_port, timeout=1.0)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def is_active(self) -> bool:
        """Whether it says so."""
        return self.said("/active")[0] == 200

    def stands_by(self) -> bool:
        """Whether it says so."""
        return self.said("/active")[0] == 503


# Nobody else reaches the port.
_PLAIN = ("--plaintext-anyone-can-submit",)


class Pair:
    """`members` are both; which one is active changes."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = members

    @property
    def targets(self) -> list[str]:
        """Where agents and commands find them."""
        return [f"--collector={member.target}" for member in self.members]

    def roles(self) -> tuple[Member, Member]:
        """The active one and the one that stands by, as soon as there is one of each."""
        found: list[Member] = []

        def is_settled() -> bool:
            found[:] = [member for member in self.members if member.is_active()]
            return len(found) == 1 and any(member.stands_by() for member in self.members)

        wait_until(is_settled, _PATIENCE_SECONDS)
        (active,) = found
        (other,) = (member for member in self.members if member is not active)
        return active, other


@contextmanager
def pair(folder: Path, url: str, options: Sequence[str] = ()) -> Iterator[Pair]:
    """Started; killed at the end."""
    members = [Member(folder / name, url, options) for name in ("one", "two")]
    try:
        for member in members:
            member.start()
        yield Pair(members)
    finally:
        for member in members:
            member.end()
