"""The only place that writes to the terminal, and there what others said is cleaned.

Every host name, reason and path may come from a stranger: nothing that a command prints can
move the cursor, rename the window, or look like a line that the command did not print.
"""

import codecs
import locale
import os
import sys
from collections.abc import Sequence

import click

from headstart.words.foreign import clean


def say(*lines: str, err: bool = False) -> None:
    """Each argument as one line; without arguments an empty line."""
    for line in lines or ("",):
        click.echo(clean.line(line), err=err)


def say_lines(text: str) -> None:
    """A text of several lines, such as a report or the log of a build; UTF-8 in a file."""
    shown = clean.lines(text)
    click.echo(shown if sys.stdout.isatty() else shown.encode())


def say_json(text: str | bytes) -> None:
    """A JSON text, UTF-8 whatever the locale; its values stay what they are."""
    given = text if isinstance(text, str) else text.decode("utf-8", "replace")
    click.echo(clean.json_text(given).encode())


def say_marked(word: str, colour: str, line: str) -> None:
    """One line behind a word of ours, coloured where colours are wanted."""
    marked = clean.line(word)
    if not is_plain():
        marked = click.style(marked, fg=colour)
    click.echo(f"{marked}  {clean.line(line)}")


def is_plain() -> bool:
    """Whether no escape sequence may be written, even to a terminal. See no-color.org."""
    return bool(os.environ.get("NO_COLOR")) or is_dumb()


def is_dumb() -> bool:
    """Whether the terminal knows no escape sequences."""
    return os.environ.get("TERM") == "dumb"


def rewrite(line: str) -> None:
    """Replace the line on standard error that the last call wrote, on a terminal."""
    sys.stderr.write(f"\r\x1b[K{clean.line(line)}")
    sys.stderr.flush()


def rewrite_block(lines: Sequence[str], before: int) -> None:
    """Replace the last `before` lines on standard error that this wrote, on a terminal."""
    up = f"\x1b[{before}A" if before else ""
    kept = [*lines, *[""] * (before - len(lines))]
    sys.stderr.write(f"\r{up}" + "".join(f"\x1b[K{clean.line(line)}\n" for line in kept))
    sys.stderr.flush()


# What reports are written with, where it cannot be shown. Everything else becomes an escape.
_INSTEAD = {
    "\u2013": "-",
    "\u2014": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2026": "...",
    "\u2192": "->",
    "\u2713": "+",
    "\u2717": "x",
    "\u00d7": "x",
    "\u00b1": "+-",
    "\u00b5": "u",
    "\u2265": ">=",
    "\u2264": "<=",
}


def prepare() -> None:
    """Make what is written fit for foreign words, whatever the locale.

    The process is in Python's UTF-8 mode (entry.py), the terminal in its own encoding.
    """
    codecs.register_error("headstart", _instead)
    encoding = None
    if "utf8" in sys._xoptions and not os.environ.get("PYTHONIOENCODING"):
        encoding = locale.getencoding()
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding=encoding, errors="headstart")


def _instead(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    shown = "".join(
        _INSTEAD.get(sign) or sign.encode("ascii", "backslashreplace").decode() for sign in part
    )
    return shown, error.end
