"""Builds and runs the server that logs its own times, and reads its log."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from support.certificates import Certificate

SOURCE = Path(__file__).with_suffix(".c")
# Far more than a load of seconds asks for.
_CAPACITY = 2_000_000
_RECORD = np.dtype(
    [("read_ns", "<i8"), ("answered_ns", "<i8"), ("connection", "<u4"), ("stream", "<u4")]
)


@dataclass(frozen=True)
class LoggingServer:
    """It runs; its log can be read at any time."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    def served(self) -> npt.NDArray[np.void]:
        """Every request that was answered, in that order.

        `read_ns` (its last byte was read) and `answered_ns` (its answer was written) are
        CLOCK_MONOTONIC; `connection` counts from 0 as they were accepted, `stream` is HTTP/2's.
        """
        count = int(np.fromfile(self.log, dtype="<u8", count=1)[0])
        return np.fromfile(self.log, dtype=_RECORD, count=count, offset=8)


def can_tls() -> bool:
    """Whether it can be built to speak TLS: Debian's libssl-dev is there."""
    return Path("/usr/include/openssl/ssl.h").exists()


def build_logging_server(folder: Path) -> Path:
    """The program; needs gcc."""
    program = folder / "logging_server"
    tls = ["-DTLS", "-lssl", "-lcrypto"] if can_tls() else []
    subprocess.run(["gcc", "-O2", "-o", str(program), str(SOURCE), *tls], check=True)
    return program


@contextmanager
def logging_server(
    program: Path,
    folder: Path,
    service: tuple[int, int, int],
    cpu: int | None = None,
    certificate: Certificate | None = None,
) -> Iterator[LoggingServer]:
    """Run it with its log in this folder; see the source for what `service` says, in us.

    With a certificate it speaks TLS, where it `can_tls`.
    """
    log = folder / "served"
    argv = [str(program), str(log), str(_CAPACITY), *map(str, service)]
    if certificate is not None:
        argv += [str(certificate.certificate), str(certificate.key)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        if cpu is not None:
            os.sched_setaffinity(process.pid, {cpu})
        yield LoggingServer(process, int(process.stdout.readline()), log)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
