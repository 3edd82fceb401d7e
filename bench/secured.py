"""A collector with an authority of its own as a program, and identities of that authority."""

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography.hazmat.primitives.asymmetric import ec

from headstart.collector.identity.authority import Authority, Issued, pem_of
from headstart.words.roles import Identity, Role
from support.running import HEADSTART

_PATIENCE_SECONDS = 300.0
_PORTS = re.compile(r"127\.0\.0\.1:(\d+).*enrolment_port=(\d+)")


@dataclass(frozen=True)
class Secured:
    """`port` takes certificates, `enrolment_port` tokens; the socket is its owner's."""

    folder: Path
    process: psutil.Process
    port: int
    enrolment_port: int

    @property
    def socket(self) -> str:
        """What the collector's owner says commands at."""
        return f"unix:{self.folder / 'c.sock'}"

    @property
    def store(self) -> Path:
        """The data folder."""
        return self.folder / "data"

    def cpu_seconds(self) -> float:
        """What the collector itself has used, without its analysis process."""
        times = self.process.cpu_times()
        return times.user + times.system

    def rss_mebibytes(self) -> float:
        """What it has in memory now."""
        return self.process.memory_info().rss / (1 << 20)


def authority_of(folder: Path) -> Authority:
    """The authority of a collector that is not started yet."""
    return Authority(folder / "data" / "identity", time.time)


def issue(
    authority: Authority, name: str, role: Role = Role.AGENT, seconds: float = 3600.0
) -> tuple[Issued, bytes]:
    """A certificate of an authority, as enrolment gives it, and its key (PEM)."""
    key = ec.generate_private_key(ec.SECP256R1())
    return authority.issue(key.public_key(), Identity(role, name), seconds), pem_of(key)


def identity_files(folder: Path, names: list[str]) -> Path:
    """A file of what agents of these names need to attend: authority, certificates, keys."""
    authority = authority_of(folder)
    agents = []
    for name in names:
        issued, key = issue(authority, name)
        agents.append({"host": name, "certificate": issued.pem.decode(), "key": key.decode()})
    file = folder / "identities.json"
    file.write_text(json.dumps({"authority": authority.pem.decode(), "agents": agents}))
    return file


@contextmanager
def secured(folder: Path, url: str = "") -> Iterator[Secured]:
    """Started, and its ports open. Its log is `collector.log` in the folder.

    `url`: of the database that holds its store; empty: a file in its folder does.
    """
    log = folder / "collector.log"
    arguments = [
        *("--data", str(folder / "data"), "--listen", f"unix:{folder / 'c.sock'}"),
        *("--listen", "127.0.0.1:0", "--enroll-listen", "127.0.0.1:0"),
        *("--advertise", "127.0.0.1", "--metrics-listen", "127.0.0.1:0"),
        *(("--store", url) if url else ()),
    ]
    with (
        log.open("wb") as stderr,
        subprocess.Popen([HEADSTART, "collector", *arguments], stderr=stderr) as process,
    ):
        try:
            ports = _ports(process, log)
            yield Secured(folder, psutil.Process(process.pid), *ports)
        finally:
            process.send_signal(signal.SIGTERM)


def _ports(process: "subprocess.Popen[bytes]", log: Path) -> tuple[int, int]:
    end = time.monotonic() + _PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < end:
        said = log.read_text(errors="replace")
        if "collector listens" in said and (found := _PORTS.search(said)):
            return int(found[1]), int(found[2])
        time.sleep(0.05)
    raise SystemExit(f"bench: the collector did not say its ports: {log.read_text()}")
