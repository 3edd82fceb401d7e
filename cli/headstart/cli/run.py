"""`headstart run`, and the options of every command that runs an experiment on this machine."""

from collections.abc import Callable
from pathlib import Path

import click

from headstart.cli.data_folder import DEFAULT
from headstart.cli.given import Name, OutputFolder
from headstart.cli.if_busy import if_busy_option
from headstart.cli.logs import log_options
from headstart.cli.plan_options import plan_options
from headstart.cli.verdict_code import strict_option


def here_options(command: Callable[..., int]) -> Callable[..., int]:
    """What every command takes that runs the experiment of a file on this machine."""
    file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    return file(machine_options(command))


def machine_options(command: Callable[..., int]) -> Callable[..., int]:
    """What every command takes that runs an experiment on this machine."""
    options = (
        click.option(
            "--revision", default="", help="What was built: a commit, a tag, a build number."
        ),
        click.option(
            "--data",
            type=OutputFolder(),
            default=DEFAULT,
            show_default=True,
            help="Folder for store, spool and reports; made when missing.",
        ),
        click.option(
            "--host", type=Name(), help="Name of this host in results. Default: its hostname."
        ),
        click.option(
            "--label", "labels", multiple=True, metavar="NAME=VALUE", help="May be repeated."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the report as JSON."),
        click.option(
            "--keep-going", is_flag=True, help="Measure what can be, though something is missing."
        ),
        strict_option,
        if_busy_option,
        log_options("warning"),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("run")
@here_options
@plan_options
def command(
    file: Path,
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
    """Run the experiment in FILE on this machine and report.

    The file's `hosts` are ignored: it runs here. What `headstart check` finds is told first,
    with exit code 2, and nothing is measured unless --keep-going.
    """
    # Late: agent and collector take a second to import.
    from headstart.cli.run_here import run_here
    from headstart.cli.submit import submission

    request = submission(
        file, revision, changes=(blocks, duration, settings), keep_going=keep_going
    )
    return run_here(request, data, host, labels, as_json, strict)
