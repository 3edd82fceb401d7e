"""`headstart dashboards`."""

from pathlib import Path

import click


@click.command("dashboards")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("dashboards-generated"),
    show_default=True,
    help="Folder to write to; made when missing.",
)
def command(output: Path) -> None:
    """Write the Grafana dashboards (JSON) and the Prometheus alert rules (YAML)."""
    from headstart.dashboards import write

    for path in write(output):
        click.echo(path)
