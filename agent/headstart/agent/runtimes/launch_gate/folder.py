"""The launch gate: a tiny program that holds an app back until the agent lets it start.

It gives t0 of every start: the time just before execve, on the app's own pid,
when all of the engine's work is over. gate.c says how it works.
"""

import errno
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.deadline import Deadline
from headstart.agent.untrusted import Refused, open_file

_STAMP = struct.Struct("=qqq")
# A gate that is being started takes tens of milliseconds to arrive; half a
# millisecond more does not matter, since the app's clock is not running yet.
_POLL_SECONDS = 0.0005


def gate_binary() -> Path:
    """The built gate for Linux on x86-64, static and without a libc."""
    return Path(__file__).parent / "gate-x86_64"


@dataclass(frozen=True)
class GateStamps:
    """What a gate wrote, CLOCK_MONOTONIC ns; `error` is the errno of an execve that failed."""

    gate_started_ns: int
    exec_ns: int
    error: int

    @property
    def reason(self) -> str | None:
        """Why the program could not be executed, in the system's words; None: it was."""
        # The app shares the folder and may have written any number.
        known = self.error in errno.errorcode
        return (os.strerror(self.error) if known else "unknown error") if self.error else None


class GateFolder:
    """What one gate needs: itself, its FIFO and its stamp, in a folder of their own.

    The folder is bind-mounted, writable, into a container, or used where it is.
    """

    def __init__(self, path: Path) -> None:
        """Use `make`, which fills the folder."""
        self.path = path
        self._writer: int | None = None

    @classmethod
    def make(cls, parent: Path) -> "GateFolder":
        """A fresh folder in `parent`, which must not be mounted noexec (as /run often is).

        Any uid can use its content: a container runs as whom it likes, perhaps
        in another user namespace.
        """
        path = Path(tempfile.mkdtemp(prefix="gate-", dir=parent))
        gate, stamp, fifo = path / "gate", path / "stamp", path / "open"
        shutil.copyfile(gate_binary(), gate)
        # Full length now, so that the gate's write neither allocates nor extends.
        stamp.write_bytes(bytes(_STAMP.size))
        os.mkfifo(fifo)
        # The umask would have taken from these modes.
        gate.chmod(0o755)
        stamp.chmod(0o666)
        fifo.chmod(0o644)
        path.chmod(0o755)
        return cls(path)

    def argv(self, program_argv: Sequence[str], seen_at: str) -> list[str]:
        """The argument vector that starts `program_argv` behind the gate.

        `seen_at` is the path of this folder as the gated process sees it. A
        program without '/' is searched in the PATH of the environment.
        """
        return [f"{seen_at}/gate", seen_at, *program_argv]

    def wait_blocked(self, timeout_seconds: float, alive: Callable[[], bool]) -> bool:
        """True as soon as the gate waits in its FIFO; False when it died or time is up."""
        deadline = Deadline(timeout_seconds)
        while not self._connect():
            if not alive() or deadline.passed():
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def open(self) -> int:
        """Let the program start; return the time just before, CLOCK_MONOTONIC ns.

        Where no gate waits (any more), nothing happens: that its process ended
        is for the caller to see.
        """
        self._connect()
        opened_ns = time.monotonic_ns()
        if self._writer is not None:
            try:
                os.write(self._writer, b"!")
            except BrokenPipeError:
                pass
            finally:
                self._disconnect()
        return opened_ns

    def stamps(self) -> GateStamps | None:
        """What the gate wrote; None before it opened, or when the app cut the file short."""
        try:
            with open_file(self.path / "stamp") as file:
                written = file.read(_STAMP.size)
        except Refused:
            # A command runs as the agent's user: it can put a FIFO in its place.
            return None
        if len(written) < _STAMP.size:
            return None
        stamps = GateStamps(*_STAMP.unpack(written))
        return stamps if stamps.exec_ns else None

    def close(self) -> None:
        """Remove the folder; a gate that still waits gives up and exits with 125."""
        if self.path.exists():
            self._connect()
        self._disconnect()
        shutil.rmtree(self.path, ignore_errors=True)

    def _connect(self) -> bool:
        """Open the FIFO for writing, which succeeds once a gate is opening it for reading."""
        if self._writer is None:
            try:
                self._writer = os.open(
                    self.path / "open", os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW
                )
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
        return self._writer is not None

    def _disconnect(self) -> None:
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None


class Gated:
    """An instance that waits in a gate until it is opened."""

    def __init__(self, gate: GateFolder, program: str) -> None:
        self._gate = gate
        self._program = program

    def open_gate(self) -> int:
        """See `Instance`."""
        return self._gate.open()

    def exec_ns(self) -> int | None:
        """See `Instance`."""
        stamps = self._stamps()
        return None if stamps is None else stamps.exec_ns

    def with_exec_error(self, tail: str) -> str:
        """The app's output, and the gate's words where no app came to be."""
        stamps = self._stamps()
        if stamps is None or stamps.reason is None:
            return tail
        return f"{tail}gate: exec of {self._program} failed: {stamps.reason}\n"

    def _stamps(self) -> GateStamps | None:
        try:
            return self._gate.stamps()
        except FileNotFoundError:
            # The instance was stopped.
            return None
