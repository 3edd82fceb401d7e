"""The only place that writes to the terminal, and there what others said is cleaned.

Every host name, reason and path may come from a stranger: nothing that a command prints can
move the cursor, rename the window, or look like a line that the command did not print.
"""

import sys

import click

from headstart.words import clean


def say(*lines: str, err: bool = False) -> None:
    """Each argument as one line; without arguments an empty line."""
    for line in lines or ("",):
        click.echo(clean.line(line), err=err)


def say_lines(text: str) -> None:
    """A text of several lines, such as a report or the log of a build."""
    click.echo(clean.lines(text))


def say_json(text: str | bytes) -> None:
    """A JSON text; its values stay what they are."""
    click.echo(clean.json_text(text if isinstance(text, str) else text.decode("utf-8", "replace")))


def say_marked(word: str, colour: str, line: str) -> None:
    """One line behind a coloured word of ours."""
    click.echo(f"{click.style(clean.line(word), fg=colour)}  {clean.line(line)}")


def rewrite(line: str) -> None:
    """Replace the line on standard error that the last call wrote, on a terminal."""
    sys.stderr.write(f"\r\x1b[K{clean.line(line)}")
    sys.stderr.flush()


def prepare() -> None:
    """Make standard output fit for foreign words, whatever the locale."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        # A terminal that is not UTF-8 shows what it cannot print as an escape.
        reconfigure(errors="backslashreplace")
