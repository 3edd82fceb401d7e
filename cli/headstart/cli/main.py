"""The `headstart` command. Subcommands are imported when they are called: `--help` stays fast."""

import importlib
import importlib.metadata
import sys
from typing import Any

import click

# name -> (module in headstart.cli, what it is for); the order of `--help`.
COMMANDS = {
    "run": "Run an experiment on this machine and report.",
    "aa": "Compare a variant with itself: can this host tell?",
    "doctor": "Say what about this host spoils measurements.",
    "collector": "Receive, store and judge what agents measure.",
    "agent": "Run experiments on this host for a collector.",
    "submit": "Submit an experiment to all hosts that match.",
    "status": "List runs and hosts.",
    "watch": "Follow a run until it ended.",
    "cancel": "Stop a run.",
    "report": "Print or write the report of a run.",
    "export": "Write a run's records as Parquet files.",
    "compare": "Compare two runs: two revisions, or two hosts.",
    "pool": "Put an experiment's runs on several hosts together.",
    "history": "Show an experiment's figures over revisions, and what shifted.",
    "accept": "End an open shift: its new level is what is wanted.",
    "gate": "Hold a run against its gates, for CI.",
    "dashboards": "Write Grafana dashboards and Prometheus rules.",
    "schema": "Print the JSON Schema of the experiment file.",
}


class _Lazy(click.Group):
    """A group whose commands live in modules of their own."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        try:
            module = importlib.import_module(f"headstart.cli.{name}")
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"'{name}' needs the package {error.name}, which is not installed: "
                "pip install 'headstart[all]'"
            ) from error
        command = module.command
        assert isinstance(command, click.Command)  # noqa: S101  # our own modules
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The help of a group would import every command for one line of text.
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "HEADSTART"},
    epilog="Every option can be set in the environment: HEADSTART_COLLECTOR_LISTEN is "
    "--listen of `headstart collector`. Exit codes: 0 fine, 1 the gate failed or the "
    "recommendation is reject, 2 wrong input, 3 the system failed.",
)
@click.version_option(importlib.metadata.version("headstart"), "-V", "--version")
def cli() -> None:
    """AOT or JIT? Measured on your hardware, on every build."""


def main(arguments: list[str] | None = None) -> None:
    """Entry point: runs a command and exits with its code."""
    from headstart.cli import terminal
    from headstart.cli.errors import CommandError

    terminal.prepare()
    try:
        status: Any = cli.main(args=arguments, prog_name="headstart", standalone_mode=False)
    except click.exceptions.Abort:
        terminal.say("interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except CommandError as error:
        first, *others = error.lines or ("",)
        terminal.say(f"headstart: {first}", *others, err=True)
        sys.exit(error.exit_code)
    sys.exit(status if isinstance(status, int) else 0)
