"""`headstart schema`."""

import json

import click

from headstart.cli.terminal import say_json


@click.command("schema")
@click.argument("of", type=click.Choice(["experiment", "report"]), default="experiment")
def command(of: str) -> None:
    """Print the JSON Schema of the experiment file, or of reports as JSON."""
    if of == "report":
        from headstart.collector.findings.report_schema import report_schema

        say_json(json.dumps(report_schema(), indent=2))
        return
    from headstart.collector.experiments.json_schema import schema

    say_json(json.dumps(schema(), indent=2))
