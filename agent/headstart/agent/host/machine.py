"""One run at a time on a machine, whoever starts it: two would measure each other.

Who measures listens at an abstract socket; the kernel frees it when the process dies, and says
who listens. No file is needed that one user makes and another cannot open, replace or delete.
See docs/adr/0107.
"""

import contextlib
import enum
import logging
import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.cancellation import Cancellation

log = logging.getLogger(__name__)

# In the abstract namespace, thus one for each network namespace.
_NAME = b"\0headstart-measures"
_WAITING = 64
# Between tries where nothing tells of the end.
_AGAIN_SECONDS = 1.0
# Another user can hold it for ever, on purpose as well.
STRANGER_SECONDS = 1800.0
_CREDENTIALS = struct.Struct("3i")
_LONGEST_COMMAND = 100


class WhenBusy(enum.Enum):
    """What a run does while another one measures on the machine."""

    WAIT = "wait"
    FAIL = "fail"
    GO_ON = "go-on"


class MachineBusy(Exception):
    """Another run measures, and it was not to be waited for."""


@dataclass(frozen=True)
class Holder:
    """Who measures."""

    pid: int
    uid: int
    command: str
    # Of the process; None: it cannot be read.
    started: float | None

    def __str__(self) -> str:
        if not self.pid:
            return "unknown: too many wait for it"
        user = "" if self.uid == os.geteuid() else f" of {_user(self.uid)}"
        since = ""
        if self.started is not None:
            since = f", since {time.strftime('%H:%M:%S', time.localtime(self.started))}"
        return f"process {self.pid}{user}, {self.command}{since}"


def holder(name: bytes = _NAME) -> Holder | None:
    """Who measures on this machine now."""
    with socket.socket(socket.AF_UNIX) as asking:
        return _ask(asking, name)


@contextlib.contextmanager
def alone(
    cancelled: Cancellation,
    when_busy: WhenBusy = WhenBusy.WAIT,
    name: bytes = _NAME,
    stranger_seconds: float = STRANGER_SECONDS,
) -> Iterator[None]:
    """Hold the machine, once nobody else does; a cancelled run is not kept waiting.

    Another user's hold is waited for at most `stranger_seconds`: then it goes on beside it, as
    `GO_ON` does at once, and says so. MachineBusy, where it is to fail.
    """
    with contextlib.ExitStack() as held:
        until: float | None = None
        told: int | None = None
        while not cancelled.is_set():
            mine = socket.socket(socket.AF_UNIX)
            held.callback(mine.close)
            try:
                mine.bind(name)
                mine.listen(_WAITING)
                break
            except OSError:
                mine.close()
            with socket.socket(socket.AF_UNIX) as asking:
                other = _ask(asking, name)
                if other is None:
                    # It ended between the two.
                    continue
                if when_busy is WhenBusy.FAIL:
                    raise MachineBusy(f"another run measures on this machine ({other})")
                if when_busy is WhenBusy.GO_ON:
                    log.warning("another run measures on this machine (%s) beside this one", other)
                    break
                if _is_trusted(other.uid):
                    until = None
                elif until is None:
                    until = time.monotonic() + stranger_seconds
                left = until - time.monotonic() if until is not None else None
                if left is not None and left <= 0:
                    log.warning("it is not waited for any longer (%s): it may disturb", other)
                    break
                if told != other.pid:
                    told = other.pid
                    log.warning(
                        "another run measures on this machine (%s); waiting; "
                        "`--if-busy fail` does not wait",
                        other,
                    )
                _until_gone(asking, cancelled, left)
        yield


def _ask(asking: socket.socket, name: bytes) -> Holder | None:
    """Connect to who holds the name; that connection ends with the hold."""
    asking.setblocking(False)
    try:
        asking.connect(name)
    except ConnectionRefusedError:
        return None
    except OSError:
        # So many wait that nobody is told any more; a stranger's doing, perhaps.
        return Holder(0, -1, "", None)
    pid, uid, _ = _CREDENTIALS.unpack(
        asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Holder(pid, uid, _command(pid), _started(pid))


def _until_gone(asking: socket.socket, cancelled: Cancellation, seconds: float | None) -> None:
    """Return when the other side ended, the run is cancelled, or the time is over."""

    def end() -> None:
        with contextlib.suppress(OSError):
            asking.shutdown(socket.SHUT_RDWR)

    asking.settimeout(seconds)
    try:
        asking.getpeername()
    except OSError:
        cancelled.wait(_AGAIN_SECONDS)
        return
    with cancelled.ending(end), contextlib.suppress(OSError):
        asking.recv(1)


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a command that cannot be read"
    # The interpreter and the folder of the script say nothing.
    names = [os.fsdecode(word) for word in words if word]
    at = next((n for n, word in enumerate(names) if Path(word).name == "headstart"), 0)
    return " ".join(["headstart", *names[at + 1 :]] if at else names)[:_LONGEST_COMMAND]


def _started(pid: int) -> float | None:
    try:
        return Path(f"/proc/{pid}").stat().st_ctime
    except OSError:
        return None


def _is_trusted(uid: int) -> bool:
    """Root could hold anything up, and one's own runs end."""
    return uid in (0, os.geteuid())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
