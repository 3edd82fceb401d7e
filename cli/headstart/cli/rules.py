"""`headstart rules`: the alert rules for Prometheus, and the configuration that they follow."""

import tempfile
from pathlib import Path

import click

from headstart.cli.configuration_option import configuration_option, configured
from headstart.cli.errors import CommandError, InputError
from headstart.cli.given import Folder, OutputFile, write_output
from headstart.cli.terminal import say, say_lines


@click.group("rules")
def command() -> None:
    """Write and check the Prometheus alert rules."""


@command.command("write")
@click.option(
    "-o", "--output", type=OutputFile(), required=True, metavar="FILE", help="Rule file to write."
)
@click.option(
    "--prometheus",
    type=OutputFile(),
    metavar="FILE",
    help="Also write an example prometheus.yml that scrapes the collectors and has the rules.",
)
@click.option(
    "--alertmanager",
    type=OutputFile(),
    metavar="FILE",
    help="Also write an example alertmanager.yml that groups and inhibits the alerts.",
)
@click.option(
    "--kubernetes",
    type=OutputFile(),
    metavar="FILE",
    help="Also write the rules as a PrometheusRule, for the operator of Prometheus.",
)
@configuration_option
def write(
    output: Path,
    prometheus: Path | None,
    alertmanager: Path | None,
    kubernetes: Path | None,
    config: Path | None,
) -> None:
    """Write the alert rules as a rule file of Prometheus (YAML)."""
    from headstart.dashboards import rules_text
    from headstart.dashboards.delivery import (
        alertmanager_text,
        prometheus_rule_text,
        prometheus_text,
    )

    configuration = configured(config)
    texts = {output: rules_text(configuration)}
    if prometheus is not None:
        texts[prometheus] = prometheus_text(configuration)
    if alertmanager is not None:
        texts[alertmanager] = alertmanager_text(configuration)
    if kubernetes is not None:
        texts[kubernetes] = prometheus_rule_text(configuration)
    for path, text in texts.items():
        write_output(path, text.encode())
        say(str(path))


@command.command("check")
@click.argument("file", type=Folder(), required=False, metavar="[FILE]")
@configuration_option
def check(file: Path | None, config: Path | None) -> None:
    """Check a rule file, or without FILE the rules that --config makes.

    By promtool where it is installed; else by form alone, which does not read PromQL.
    """
    from headstart.dashboards import rules_text

    if file is not None:
        if config is not None:
            raise InputError("FILE and --config exclude each other: a file is checked as it is")
        _check(file, str(file))
        return
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "headstart.rules.yml"
        made.write_text(rules_text(configured(config)), encoding="utf-8")
        _check(made, "the rules" + (f" by {config}" if config else ""))


def _check(path: Path, called: str) -> None:
    from headstart.dashboards.delivery import check_rules

    try:
        found = check_rules(path)
    except TimeoutError as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        raise InputError(f"{called}: {error.strerror}") from error
    how = "by promtool" if found.by_promtool else "by form alone: promtool is not installed"
    if found.problems:
        raise InputError(f"{called}: not fine, {how}", *found.problems)
    say(f"{called}: fine, {how}")


@command.command("config")
def config_file() -> None:
    """Print a configuration with every key, what it is for and its default (TOML)."""
    from headstart.dashboards import default_file

    say_lines(default_file().rstrip("\n"))
