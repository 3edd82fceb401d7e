"""The `headstart` command. Subcommands are imported when they are called: `--help` stays fast."""

import importlib
import importlib.metadata
from typing import Any

import click

from headstart.cli import interrupt

# name -> (module in headstart.cli, what it is for); the order of `--help`.
COMMANDS = {
    "check": "Say what keeps an experiment from being measured here.",
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
    "recommendation is reject, 2 wrong input, 3 the system failed, 130, 143 or 129 a signal ended "
    "it (SIGINT, SIGTERM, SIGHUP).",
)
@click.version_option(importlib.metadata.version("headstart"), "-V", "--version")
def cli() -> None:
    """AOT or JIT? Measured on your hardware, on every build."""


def main() -> int:
    """Runs a command; its exit code."""
    from headstart.cli import terminal
    from headstart.cli.errors import CommandError

    terminal.prepare()
    try:
        status: Any = cli.main(prog_name="headstart", standalone_mode=False)
    except click.exceptions.Abort:
        terminal.say("interrupted", err=True)
        return interrupt.status() or 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CommandError as error:
        first, *others = error.lines or ("",)
        terminal.say(f"headstart: {first}", *others, err=True)
        # What a signal cut off is no fault of its own.
        return interrupt.status() or error.exit_code
    except OSError:
        # A terminal that was closed cannot be written to, a moment before SIGHUP says so.
        if interrupt.status() is None:
            raise
        return interrupt.status() or 1
    return status if isinstance(status, int) else 0
