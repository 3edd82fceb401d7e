"""`headstart schema`."""

import json

import click


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the experiment file, for editors and CI."""
    from headstart.collector.experiment_schema import schema

    click.echo(json.dumps(schema(), indent=2))
