"""`headstart try`: two things against each other at once, without a file."""

from pathlib import Path
from typing import Any

import click

from headstart.cli.run import machine_options
from headstart.cli.terminal import say
from headstart.cli.without_file import Asked, thing_options, written


@click.command("try")
@thing_options
@machine_options
def command(**options: Any) -> int:
    """Compare images or commands on this machine: each THING is one of either.

    headstart try app:jit app:aot --port 8080 --ready /health

    headstart try './server --fast' './server --small'

    What is not said is found out, by what images say of themselves and by starting the first
    one once. The report holds the experiment file that was made of it; `headstart init` with
    the same arguments writes it.
    """
    # Late: agent and collector take a second to import.
    from headstart.cli.run_here import run_here
    from headstart.v1.experiments_pb2 import SubmitRequest

    revision = options.pop("revision")
    text = written(Asked.taken_from(options), Path.cwd())
    request = SubmitRequest(
        source_text=text,
        base_directory=str(Path.cwd()),
        revision=revision,
        file_name="the experiment",
        keep_going=options.pop("keep_going"),
    )
    status = run_here(request, **options)
    say("`headstart init` with the same arguments writes this experiment's file", err=True)
    return status
