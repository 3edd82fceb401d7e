"""`headstart rules`: the alert rules for Prometheus, and the configuration that they follow."""

from pathlib import Path

import click

from headstart.cli.configuration_option import configuration_option, configured
from headstart.cli.given import OutputFile, write_output
from headstart.cli.terminal import say, say_lines


@click.group("rules")
def command() -> None:
    """Write the Prometheus alert rules."""


@command.command("write")
@click.option(
    "-o", "--output", type=OutputFile(), required=True, metavar="FILE", help="Rule file to write."
)
@configuration_option
def write(output: Path, config: Path | None) -> None:
    """Write the alert rules as a rule file of Prometheus (YAML)."""
    from headstart.dashboards import rules_text

    write_output(output, rules_text(configured(config)).encode())
    say(str(output))


@command.command("config")
def config_file() -> None:
    """Print a configuration with every key, what it is for and its default (TOML)."""
    from headstart.dashboards import default_file

    say_lines(default_file())
