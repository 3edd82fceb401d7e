"""A fault of ours that nobody foresaw: one line, and the traceback in a file of its own."""

import os
import sys
import tempfile
import threading
import traceback

from headstart.cli.terminal import say
from headstart.words.foreign import clean


def catch_all() -> None:
    """What ends a thread, or comes before and after a command, is reported likewise."""
    sys.excepthook = lambda _kind, error, _trace: report_fault(error)
    threading.excepthook = lambda fault: report_fault(fault.exc_value or fault.exc_type())


def report_fault(error: BaseException) -> None:
    """Say what broke and where its traceback lies; only this user can read that."""
    text = "".join(traceback.format_exception(error))
    first = str(error).partition("\n")[0]
    what = f"{type(error).__name__}: {first}" if first else type(error).__name__
    say(f"headstart: a fault of its own: {what}; {_kept(text)}", err=True)


def _kept(text: str) -> str:
    try:
        descriptor, path = tempfile.mkstemp(prefix="headstart-fault-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(clean.lines(text))
    except OSError as error:
        return f"no traceback could be written ({error.strerror})"
    return f"the traceback is in {path}"
