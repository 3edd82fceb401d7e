"""Where the command `headstart` begins: signals first, since imports take a moment."""

import sys

from headstart.cli import interrupt


def main() -> None:
    """Runs the command and exits with its code; 128 + N after a signal that ended it."""
    interrupt.install()
    try:
        from headstart.cli.main import main as run

        code = run()
    except KeyboardInterrupt:
        code = interrupt.status() or 130
    interrupt.finish()
    sys.exit(code)
