"""Whoever commands the fleet: at the collector's socket, and by a certificate of his own."""

import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import grpc

from headstart.agent.uplink.collector_tls import channel_to
from headstart.agent.uplink.enrolled import FOLDER_NAME, Enrolled, enrolled_in
from headstart.agent.uplink.renewal import NotRenewed, renew
from headstart.cli.active_collector import active_of
from headstart.cli.connection import Connection
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.foreign.certificates import CertificateProblem
from support.running import HEADSTART

_COMMAND_SECONDS = 30.0
_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 300.0
# With less than this it is not waited for a renewal any more.
_LEFT_SECONDS = 15.0


class Operator:
    """`folder` gets his identity, `sockets` are the collectors'."""

    def __init__(
        self, folder: Path, sockets: Sequence[str], log: Path, targets: Sequence[str] = ()
    ) -> None:
        """`targets` are the ports of several collectors; of one its certificate says it."""
        self.folder = folder
        self._sockets = [f"--collector={socket}" for socket in sockets]
        self._targets = targets
        self._log = log
        # Commands renew the certificate that they use: one at a time.
        self._lock = threading.Lock()

    @contextmanager
    def experiments(self) -> Iterator[ExperimentsServiceStub]:
        """Calls over TLS by his certificate, each time by a new connection."""
        with self._lock:
            enrolled = self._certified()
            channel = channel_to(self._active(enrolled), enrolled.tls)
        with channel:
            yield ExperimentsServiceStub(channel)

    def command(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        """`headstart ARGUMENTS` by his certificate, in the background."""
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [
                    HEADSTART,
                    *arguments,
                    *(f"--collector={target}" for target in self._targets),
                    "--identity",
                    self.folder,
                ],
                stdout=subprocess.DEVNULL,
                stderr=log,
            )

    def enroll(self, role: str, name: str, state: Path, log: Path) -> None:
        """Make a token at the socket and use it, again until that works. TimeoutError."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not self._enrolled(role, name, state, log):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{role} {name} is not enrolled: see {log}")
            time.sleep(_AGAIN_SECONDS)

    def _enrolled(self, role: str, name: str, state: Path, log: Path) -> bool:
        create = ["token", "create", "--role", role, "--name", name, *self._sockets]
        with log.open("ab") as said:
            try:
                token = subprocess.run(
                    [HEADSTART, *create],
                    stdout=subprocess.PIPE,
                    stderr=said,
                    text=True,
                    timeout=_COMMAND_SECONDS,
                    check=True,
                ).stdout.strip()
                enroll: list[str | Path] = ["enroll", token, "--name", name, "--state", state]
                subprocess.run(
                    [HEADSTART, *enroll],
                    stdout=said,
                    stderr=said,
                    timeout=_COMMAND_SECONDS,
                    check=True,
                )
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                # A collector that is killed or frozen now, or has no room.
                return False
        return True

    def _active(self, enrolled: Enrolled) -> str:
        """The collector to ask; the first where none is active."""
        if not self._targets:
            return enrolled.collector
        first, *others = self._targets
        tls = enrolled.tls
        by = Connection(
            first, False, tls.authority, tls.certificate, tls.key, enrolled, tuple(others)
        )
        return active_of(by).target

    def _certified(self) -> Enrolled:
        """With a certificate that holds: the one there, renewed, or of a new token."""
        try:
            enrolled = enrolled_in(self.folder / FOLDER_NAME)
        except CertificateProblem:
            enrolled = None
        if enrolled is None or enrolled.holds.ends < time.time() + _LEFT_SECONDS:
            self.enroll("operator", "chaos", self.folder, self._log)
            enrolled = enrolled_in(self.folder / FOLDER_NAME)
            assert enrolled is not None
            # It was given while the collector's clock was ahead.
            time.sleep(max(0.0, enrolled.holds.begins - time.time()))
        elif enrolled.renewal_time < time.time():
            with suppress(NotRenewed):
                return renew(enrolled, self._active(enrolled))
        return enrolled


def is_passing(error: grpc.RpcError) -> bool:
    """Whether a call failed for what happens here: a collector that is killed, or has no room."""
    return error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
