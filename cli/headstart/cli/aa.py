"""`headstart aa`: one variant under two names, the way every experiment runs."""

from pathlib import Path

import click

from headstart.cli.given import Name
from headstart.cli.plan_options import plan_options
from headstart.cli.run import here_options


@click.command("aa")
@here_options
@plan_options
@click.option("--variant", type=Name(), default="", help="Which variant. Default: the baseline.")
def command(
    file: Path,
    variant: str,
    revision: str,
    data: Path,
    host: str | None,
    labels: tuple[str, ...],
    as_json: bool,
    blocks: str | None,
    duration: str | None,
    settings: tuple[str, ...],
    keep_going: bool,
    strict: bool,
) -> int:
    """Compare a variant of FILE with itself: can this host tell differences?

    Exit code 1 when a metric differs: the host is unfit to judge. The outcome stands in every
    later report of a run on this host.
    """
    # Late: agent and collector take a second to import.
    from headstart.cli.run_here import run_here
    from headstart.cli.submit import submission

    changes = blocks, duration, settings
    request = submission(file, revision, True, variant, changes, keep_going)
    return run_here(request, data, host, labels, as_json, strict)
