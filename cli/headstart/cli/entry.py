"""Where the command `headstart` begins: signals first, since imports take a moment."""

import locale
import os
import sys

from headstart.cli import interrupt


def main() -> None:
    """Runs the command and exits with its code; 128 + N after a signal that ended it."""
    _prefer_utf_8()
    # Else gRPC writes each connection that ends as it should to standard error, in its own form.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    interrupt.install()
    try:
        from headstart.cli.main import main as run

        code = run()
    except KeyboardInterrupt:
        code = interrupt.status() or 130
    interrupt.finish(code)
    sys.exit(code)


def _prefer_utf_8() -> None:
    """Begin again in Python's UTF-8 mode where the locale has another encoding.

    Files, names of variants and what apps are started with are UTF-8 wherever this runs.
    The interpreter cannot change over; what it starts in turn inherits the mode.
    """
    if sys.flags.utf8_mode or locale.getencoding().lower() in ("utf-8", "utf8"):
        return
    if "utf8" not in sys._xoptions:
        again = [sys.executable, "-X", "utf8", *sys.orig_argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606  # ourselves, as we were called
