"""The `headstart` command. Subcommands are imported when they are called: `--help` stays fast."""

import errno
import importlib
import keyword
import os
import sys
from typing import Any

import click

from headstart.cli import environment, extras, interrupt
from headstart.cli.errors import CommandError
from headstart.cli.exit_codes import ExitCode, help_line, help_table
from headstart.cli.given import refused_first

# Heading -> name -> what it is for; the order of `--help`. Each is a module in headstart.cli.
SECTIONS = {
    "Measure on this machine": {
        "try": "Compare images or commands on this machine, without a file.",
        "init": "Write the experiment file of images or commands.",
        "check": "Say what keeps an experiment from being measured here.",
        "run": "Run an experiment on this machine and report.",
        "aa": "Compare a variant with itself: can this host tell?",
        "doctor": "Say what about this host spoils measurements.",
    },
    "Measure on a fleet": {
        "submit": "Submit an experiment to all hosts that match.",
        "status": "List runs and hosts.",
        "watch": "Follow runs until they ended.",
        "cancel": "Stop runs.",
    },
    "Results": {
        "report": "Print or write the report of a run.",
        "trials": "List a run's trials, and how each start went.",
        "compare": "Compare two runs: two revisions, or two hosts.",
        "pool": "Put an experiment's runs on several hosts together.",
        "history": "Show an experiment's figures over revisions, and what shifted.",
        "accept": "End an open shift: its new level is what is wanted.",
        "gate": "Hold a run against its gates, for CI.",
        "export": "Write a run's records as Parquet files.",
    },
    "Operate a fleet": {
        "collector": "Receive, store and judge what agents measure.",
        "agent": "Run experiments on this host for a collector.",
        "host": "List hosts; drain, resume, rename or remove one.",
        "forget": "Delete runs, or all of an experiment, for good.",
        "backup": "Copy a collector's folder, also while it runs.",
        "restore": "Make a collector's folder of a backup.",
        "store": "Copy a collector's store to PostgreSQL, or back.",
    },
    "Who may do what": {
        "token": "Make, list and revoke tokens that let hosts and people in.",
        "enroll": "Trade a token for this host's or this person's certificate.",
        "identities": "List who has which role, and whose certificate is revoked.",
        "revoke": "Refuse a certificate from now on.",
        "audit": "List who did what, and who was refused.",
    },
    "For other tools": {
        "dashboards": "Bring the dashboards to Grafana.",
        "rules": "Write and check the Prometheus alert rules.",
        "schema": "Print the JSON Schema of the experiment file, or of reports.",
    },
}
COMMANDS = {name: line for section in SECTIONS.values() for name, line in section.items()}

# What a disk does, and no fault of ours.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)


class _Lazy(click.Group):
    """A group whose commands live in modules of their own."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        extras.demand(name)
        # `try` is no name that Python takes.
        module = f"{name}_" if keyword.iskeyword(name) else name
        command = importlib.import_module(f"headstart.cli.{module}").command
        assert isinstance(command, click.Command)  # noqa: S101  # our own modules
        command.epilog = command.epilog or help_line(name)
        environment.name_options(command, name)
        subcommands = command.commands.values() if isinstance(command, click.Group) else ()
        for each in (command, *subcommands):
            if each.callback is not None:
                each.callback = refused_first(each.callback)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        found = super().resolve_command(ctx, args)
        name, command, _ = found
        if name is not None and command is not None:
            environment.warn(os.environ, COMMANDS, name, command)
        return found

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # The help of a group would import every command for one line of text.
        width = max(map(len, COMMANDS))
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])


def _say_release(ctx: click.Context, _option: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from headstart.cli.terminal import say
        from headstart.words.release import release

        say(f"headstart {release()}")
        ctx.exit()


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "HEADSTART"},
    epilog="Every option can be set in the environment: HEADSTART_COLLECTOR_LISTEN is "
    f"--listen of `headstart collector` (docs/ENVIRONMENT.md). {help_table()}",
)
@click.option(
    *("-V", "--version"),
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_say_release,
    help="Print the release and the commit that it was built from, and end.",
)
def cli() -> None:
    """AOT or JIT? Measured on your hardware, on every build."""


def main() -> int:
    """Runs a command; its exit code."""
    from headstart.cli import closed_pipe, terminal, unforeseen

    closed_pipe.quiet_outputs()
    terminal.prepare()
    unforeseen.catch_all()
    try:
        status: Any = cli.main(prog_name="headstart", standalone_mode=False)
        if sys.stdout is not None:
            sys.stdout.flush()
    except click.exceptions.Abort:
        terminal.say("interrupted", err=True)
        return interrupt.status() or 130
    except click.ClickException as error:
        error.show()
        return ExitCode.WRONG_INPUT
    except Exception as error:
        # A terminal that was closed cannot be written to, a moment before SIGHUP says so.
        silent = isinstance(error, OSError) and interrupt.status() is not None
        code = ExitCode.SYSTEM_FAILED if silent else _faulted(error)
        # What a signal cut off is no fault of its own.
        return interrupt.status() or code
    return status if isinstance(status, int) else ExitCode.OK


def _faulted(error: Exception) -> ExitCode:
    """Says what is wrong; the exit code."""
    from headstart.cli import unforeseen
    from headstart.cli.terminal import say

    known: BaseException | None = error
    if isinstance(error, ModuleNotFoundError):
        known = extras.explained(error)
    elif isinstance(error, OSError) and error.errno in _DISK:
        known = CommandError(f"{error.filename or 'its output'}: {error.strerror}")
    elif isinstance(error, FileNotFoundError) and "temporary directory" in str(error):
        known = CommandError("no folder for temporary files can be written: set TMPDIR to one")
    if not isinstance(known, CommandError):
        unforeseen.report_fault(error)
        return ExitCode.SYSTEM_FAILED
    first, *others = known.lines or ("",)
    say(f"headstart: {first}", *others, err=True)
    return known.exit_code
