"""`headstart schema`."""

import json

import click

from headstart.cli.terminal import say_json


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of the experiment file, for editors and CI."""
    from headstart.collector.experiments.json_schema import schema

    say_json(json.dumps(schema(), indent=2))
