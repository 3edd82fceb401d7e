"""HAProxy before two collectors, with the configuration of docs/STANDBY.md."""

import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

from support.running import free_port
from support.waiting import wait_until

_DOCUMENT = Path(__file__).parents[2] / "docs/STANDBY.md"
_BLOCK = re.compile(r"^    defaults\n(?:    .*\n)+", re.MULTILINE)
# What the document says, by what it stands for.
PORTS = {"collector": 7070, "enrolment": 7071, "metrics": 9470}
HOSTS = {"one.example": "127.0.0.2", "two.example": "127.0.0.3"}


def documented() -> str:
    """The configuration, as a reader would copy it."""
    (found,) = _BLOCK.findall(_DOCUMENT.read_text())
    return dedent(found)


class Balancer:
    """`ports` are those of collectors and of the balancer, by name: hosts tell them apart."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.ports = ports
        self.target = f"127.0.0.1:{ports['collector']}"
        self._socket = folder / "stats.sock"
        text = documented()
        for name, number in PORTS.items():
            text, times = re.subn(rf"(?<=[: ]){number}\b", str(ports[name]), text)
            assert times, f"{number} is not in the configuration of {_DOCUMENT.name}"
        for name, address in HOSTS.items():
            assert name in text
            text = text.replace(name, address)
        # All addresses of this machine are the collectors' too.
        text = re.sub(r"bind :", "bind 127.0.0.1:", text)
        (folder / "haproxy.cfg").write_text(text)
        (folder / "seen.cfg").write_text(f"global\n    stats socket {self._socket}\n")
        self.command = ["haproxy", "-db", "-f", str(folder / "seen.cfg")]
        self.command += ["-f", str(folder / "haproxy.cfg")]

    def up(self) -> set[tuple[str, str]]:
        """Which servers get connections now, with where they are of; empty before it looked."""
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect(str(self._socket))
                asked.sendall(b"show stat\n")
                rows = asked.makefile().read().splitlines()
        except OSError:
            return set()
        names = rows[0].removeprefix("# ").split(",")
        servers = [dict(zip(names, row.split(","), strict=False)) for row in rows[1:] if row]
        return {
            (each["pxname"], each["svname"])
            for each in servers
            if each["svname"] in ("one", "two") and each["status"].startswith("UP")
        }

    def wait_for(self, name: str) -> None:
        """Return once one collector alone gets connections."""
        alone = {("headstart", name), ("enrolment", name)}
        wait_until(lambda: self.up() == alone, 60)


def ports() -> dict[str, int]:
    """Free ones, by name."""
    return {name: free_port() for name in PORTS}


@contextmanager
def balancer(folder: Path, ports: dict[str, int]) -> Iterator[Balancer]:
    """Started; killed at the end."""
    made = Balancer(folder, ports)
    with (
        (folder / "haproxy.log").open("wb") as log,
        subprocess.Popen(made.command, stdout=log, stderr=log) as process,
    ):
        try:
            yield made
        finally:
            process.kill()
