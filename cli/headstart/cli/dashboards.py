"""`headstart dashboards`."""

from pathlib import Path

import click

from headstart.cli.configuration_option import configuration_option, configured
from headstart.cli.given import OutputFolder
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
@configuration_option
def command(output: Path, config: Path | None) -> None:
    """Write the Grafana dashboards (JSON) and the Prometheus alert rules (YAML)."""
    from headstart.dashboards import write

    for path in write(output, configured(config)):
        say(str(path))
