"""`headstart dashboards`."""

from pathlib import Path

import click

from headstart.cli.given import Name, OutputFolder
from headstart.cli.terminal import say


@click.command("dashboards")
@click.option(
    "-o",
    "--output",
    type=OutputFolder(),
    default=Path("dashboards-generated"),
    show_default=True,
    help="Folder to write to; made when missing.",
)
@click.option(
    "--runbooks",
    type=Name(),
    metavar="URL",
    help="Where the alerts' runbooks are kept. Default: their path in Headstart's repository.",
)
def command(output: Path, runbooks: str | None) -> None:
    """Write the Grafana dashboards (JSON) and the Prometheus alert rules (YAML)."""
    from headstart.dashboards import write
    from headstart.dashboards.rules import RUNBOOKS

    for path in write(output, runbooks or RUNBOOKS):
        say(str(path))
