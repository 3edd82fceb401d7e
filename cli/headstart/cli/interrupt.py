"""SIGINT, SIGTERM and SIGHUP: the first one asks for the end, and the end comes within 5 s.

Handlers of one process, hence functions of a module. Installed before anything else is
imported, so this imports little. What is ignored already stays so (`nohup`, or a shell's
background job).
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# From the signal that allows no more waiting until the process ends, whatever hangs in it.
END_SECONDS = 4.8
_AGAIN_SECONDS = 0.05
_LAST_SECONDS = 1.0

# How many came, and the first of them.
_count = 0
_first = 0
_notify: Callable[[], None] | None = None
_terminals: list[int] = []
_deadline: threading.Timer | None = None


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread by the first signal, unless somebody handles signals then."""


def install() -> None:
    """Take the signals over; `KeyboardInterrupt` is what a caller sees of the first one."""
    _terminals.extend(fd for fd in (1, 2) if os.isatty(fd))
    for number in _NUMBERS:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _arrived)
    sys.unraisablehook = _unraisable


def finish(code: int) -> None:
    """The exit status stands, and only Python's own end is left: nothing may change it."""
    for number in _NUMBERS:
        if signal.getsignal(number) == _arrived:
            signal.signal(number, signal.SIG_IGN if _first else _exit)
    if _first:
        # Python stops our threads now, and with them `end_within`. While it waits for others, which
        # may hang, it still calls this; at its very end the second alarm finds no handler.
        signal.signal(signal.SIGALRM, lambda _number, _frame: os._exit(code))
        signal.setitimer(signal.ITIMER_REAL, END_SECONDS, _LAST_SECONDS)


def status() -> int | None:
    """130, 143 or 129, as a shell tells a death by the first signal; None: none came."""
    return 128 + _first if _first else None


def count() -> int:
    """How many came."""
    return _count


@contextmanager
def handled(notify: Callable[[], None]) -> Iterator[None]:
    """While this is entered, `notify` is called for each signal, in the main thread.

    It may be called between any two steps of that thread: in a loop, pass on to
    `call_soon_threadsafe`. Nothing is raised then, and nothing is afterwards if one came.
    """
    global _notify
    _notify = notify
    try:
        yield
    finally:
        _notify = None


@contextmanager
def stopping(stop: Callable[[], None]) -> Iterator[None]:
    """In a loop: the first signal calls `stop` in it; the process ends soon, whatever hangs."""
    import asyncio

    loop = asyncio.get_running_loop()

    def notify() -> None:
        end_within()
        loop.call_soon_threadsafe(stop)

    with handled(notify):
        yield


def end_within() -> None:
    """End the process in `END_SECONDS`, whatever hangs; a call while that runs changes nothing."""
    global _deadline
    if _deadline is None:
        _deadline = threading.Timer(END_SECONDS, _end)
        _deadline.daemon = True
        _deadline.start()


def take_time() -> None:
    """Take back `end_within`."""
    global _deadline
    if _deadline is not None:
        _deadline.cancel()
        _deadline = None


def _arrived(number: int, _frame: FrameType | None) -> None:
    global _count, _first
    _count += 1
    _first = _first or number
    if number == signal.SIGHUP:
        _leave_terminal()
    if _notify is not None:
        _notify()
    elif _count == 1:
        end_within()
        raise Interrupted


def _exit(number: int, _frame: FrameType | None) -> None:
    os._exit(128 + number)


def _leave_terminal() -> None:
    """It is gone: what is still written to it is an error that would stop the clean-up."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in _terminals:
        os.dup2(nowhere, fd)
    os.close(nowhere)


def _end() -> None:
    text = b"headstart: not everything ended in time; what is left is removed by the next start\n"
    try:
        os.write(2, text)
    finally:
        os._exit(status() or 1)


def _unraisable(what: Any) -> None:
    """Where Python cannot raise, as in a destructor, an interrupt would be lost: once more."""
    if what.exc_type is not None and issubclass(what.exc_type, Interrupted):
        global _count
        _count = 0
        again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), _first))
        again.daemon = True
        again.start()
        return
    sys.__unraisablehook__(what)
