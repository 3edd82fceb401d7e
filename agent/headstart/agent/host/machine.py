"""One run at a time on a machine, whoever starts it: two would measure each other.

Who measures listens at an abstract socket; the kernel frees it when the process dies, and says
who listens. No file is needed that one user makes and another cannot open, replace or delete.
A name that needs no permission can be taken by anybody: root and one's own user are waited for
without a limit, another user half an hour, and so is a name that is bound without a listener.
Abstract names belong to a network namespace, so an agent in a container with a network of its own
does not see runs outside.
"""

import contextlib
import enum
import errno
import logging
import math
import os
import pwd
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.deadline import Deadline

log = logging.getLogger(__name__)

# In the abstract namespace, thus one for each network namespace.
_NAME = b"\0headstart-measures"
_WAITING = 64
# Between tries where nothing tells of the end.
_AGAIN_SECONDS = 1.0
# From a bind to its listen, or from the end of a listener to that of its name.
_MOMENT_SECONDS = 0.1
# Between looks whether who measures was stopped.
_LOOK_SECONDS = 10.0
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

    # 0: it cannot be known.
    pid: int
    uid: int
    # Or why it is not known.
    command: str
    # Of the process; None: it cannot be read.
    started: float | None
    stopped: bool = False

    def __str__(self) -> str:
        if not self.pid:
            return f"unknown: {self.command}"
        user = "" if self.uid == os.geteuid() else f" of {_user(self.uid)}"
        since = ""
        if self.started is not None:
            since = f", since {time.strftime('%H:%M:%S', time.localtime(self.started))}"
        stopped = f", stopped: {self.remedy}" if self.stopped else ""
        return f"process {self.pid}{user}, {self.command}{since}{stopped}"

    @property
    def remedy(self) -> str:
        """What to do about one that is stopped, which no other signal ends but SIGKILL."""
        go_on = f"kill -CONT {self.pid}"
        return f"`{go_on}` lets it go on, `kill {self.pid}; {go_on}` ends it"


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
    mine = _hold(cancelled, when_busy, name, stranger_seconds)
    with mine or contextlib.nullcontext():
        yield


def _hold(
    cancelled: Cancellation, when_busy: WhenBusy, name: bytes, stranger_seconds: float
) -> socket.socket | None:
    """What listens as long as it is open; None: the run goes on without."""
    until: Deadline | None = None
    told = ""
    refused = False
    asked = -math.inf
    while not cancelled.is_set():
        try:
            return _listening(name)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                log.warning("whether another run measures here cannot be known: %s", error)
                return None
        with socket.socket(socket.AF_UNIX) as asking:
            other = _ask(asking, name)
            if other is None:
                if not refused:
                    # It ended between the two, or is about to listen.
                    refused = True
                    cancelled.wait(_MOMENT_SECONDS)
                    continue
                other = Holder(0, -1, "it does not listen", None)
            else:
                refused = False
            if when_busy is WhenBusy.FAIL:
                raise MachineBusy(f"another run measures on this machine ({other})")
            if when_busy is WhenBusy.GO_ON:
                log.warning("another run measures on this machine (%s) beside this one", other)
                return None
            if _is_trusted(other.uid):
                until = None
            elif until is None:
                until = Deadline(stranger_seconds)
            if until is not None and until.passed():
                log.warning("it is not waited for any longer (%s): it may disturb", other)
                return None
            if told != str(other):
                told = str(other)
                log.warning(
                    "another run measures on this machine (%s); waiting; "
                    "`--if-busy` says what else to do",
                    other,
                )
            if time.monotonic() - asked < _AGAIN_SECONDS:
                # Somebody hangs up and is still there.
                cancelled.wait(_AGAIN_SECONDS)
            asked = time.monotonic()
            _until_gone(asking, other, cancelled, until)
    return None


def _listening(name: bytes) -> socket.socket:
    mine = socket.socket(socket.AF_UNIX)
    try:
        mine.bind(name)
        mine.listen(_WAITING)
    except OSError:
        mine.close()
        raise
    return mine


def _ask(asking: socket.socket, name: bytes) -> Holder | None:
    """Connect to who holds the name; that connection ends with the hold. None: nobody listens."""
    asking.setblocking(False)
    try:
        asking.connect(name)
    except ConnectionRefusedError:
        return None
    except BlockingIOError:
        # So many wait that nobody is told any more; a stranger's doing, perhaps.
        return Holder(0, -1, "too many wait for it", None)
    except OSError as error:
        return Holder(0, -1, f"it cannot be asked ({error.strerror})", None)
    pid, uid, _ = _CREDENTIALS.unpack(
        asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    )
    return Holder(pid, uid, _command(pid), _started(pid), _is_stopped(pid))


def _until_gone(
    asking: socket.socket, other: Holder, cancelled: Cancellation, until: Deadline | None
) -> None:
    """Return when the other side ended, the run is cancelled, or the time is over."""

    def end() -> None:
        with contextlib.suppress(OSError):
            asking.shutdown(socket.SHUT_RDWR)

    try:
        asking.getpeername()
    except OSError:
        cancelled.wait(_AGAIN_SECONDS)
        return
    stopped = other.stopped
    with cancelled.ending(end):
        while not cancelled.is_set():
            left = until.left() if until is not None else _LOOK_SECONDS
            if not left:
                return
            asking.settimeout(min(left, _LOOK_SECONDS))
            try:
                asking.recv(1)
            except TimeoutError:
                was, stopped = stopped, _is_stopped(other.pid)
                if stopped and not was:
                    log.warning("process %d, waited for, is stopped: %s", other.pid, other.remedy)
                continue
            except OSError:
                pass
            return


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


def _is_stopped(pid: int) -> bool:
    """By a signal, such as that of Ctrl-Z."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[:1] == ["T"]


def _is_trusted(uid: int) -> bool:
    """Root could hold anything up, and one's own runs end."""
    return uid in (0, os.geteuid())


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"
