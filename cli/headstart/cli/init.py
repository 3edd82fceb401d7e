"""`headstart init`: the experiment file of what stands on the command line."""

from pathlib import Path
from typing import Any

import click

from headstart.cli.errors import InputError
from headstart.cli.given import OutputFile, write_output
from headstart.cli.if_busy import if_busy_option
from headstart.cli.terminal import say, say_lines
from headstart.cli.without_file import Asked, thing_options, written

# What is written where nothing is compared yet.
_EXAMPLE = {"things": ("app:jit", "app:aot"), "kind": "image", "port": 8080, "ready": "/health"}


@click.command("init")
@thing_options
@click.option(
    "--output", "-o", type=OutputFile(), help="The file to write. Default: standard output."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@if_busy_option
def command(output: Path | None, force: bool, **options: Any) -> None:
    """Write the commented experiment file of what `try` would run with the same arguments.

    headstart init app:jit app:aot --port 8080 --ready /health --output app.yaml

    Without arguments it is an example to be changed.
    """
    if output is not None and output.exists() and not force:
        raise InputError(f"--output: {output} is there already; --force replaces it")
    if not options["things"]:
        say("an example: put your own images, port and paths into it", err=True)
        options |= {key: value for key, value in _EXAMPLE.items() if not options[key]}
    folder = Path.cwd() if output is None else output.absolute().parent
    text = written(Asked.taken_from(options), folder)
    if output is None:
        say_lines(text.rstrip("\n"))
        return
    write_output(output, text.encode())
    say(f"{output}: `headstart run {output}` runs it", err=True)
