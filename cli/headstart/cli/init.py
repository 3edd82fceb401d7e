"""`headstart init`: the experiment file of what stands on the command line."""

from pathlib import Path
from typing import Any

import click

from headstart.cli.errors import InputError
from headstart.cli.terminal import say, say_lines
from headstart.cli.without_file import Asked, thing_options, written


@click.command("init")
@thing_options
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write. Default: standard output.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def command(output: Path | None, force: bool, **options: Any) -> None:
    """Write the commented experiment file of what `try` would run with the same arguments."""
    if output is not None and output.exists() and not force:
        raise InputError(f"--output {output}: it is there already; --force replaces it")
    folder = Path.cwd() if output is None else output.absolute().parent
    text = written(Asked.taken_from(options), folder)
    if output is None:
        say_lines(text.rstrip("\n"))
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--output {output}: {error.strerror}") from error
    say(f"{output}: `headstart run {output}` runs it", err=True)
