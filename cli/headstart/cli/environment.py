"""Options in the environment: HEADSTART_<COMMAND>_<OPTION>, and names that mean nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import click

PREFIX = "HEADSTART_"
# What is no option: given to checks and to measured apps, or read by every command.
OTHERS = (
    "HEADSTART_COLLECTOR",
    "HEADSTART_GRAFANA_TOKEN",
    "HEADSTART_IDENTITY",
    "HEADSTART_INSTANCE",
    "HEADSTART_PROXY",
    "HEADSTART_URL",
)


def name_options(command: click.Command, name: str) -> None:
    """Give each option the variable that its long form says: --if-busy is ..._IF_BUSY."""
    for option in command.params:
        if isinstance(option, click.Option) and option.envvar is None:
            option.envvar = f"{_stem(name)}{_long(option)}"
    if isinstance(command, click.Group):
        for below, each in command.commands.items():
            name_options(each, f"{name}-{below}")


def unknown(environment: Iterable[str], name: str, command: click.Command) -> Mapping[str, str]:
    """Variables that nothing reads when this command runs, and the nearest that is read.

    Those of other commands are theirs to judge.
    """
    environment = list(environment)
    known = set(OTHERS)
    for option in command.params:
        if isinstance(option, click.Option):
            # click takes the name of the parameter as well.
            known |= {
                f"{_stem(name)}{_long(option)}",
                f"{_stem(name)}{(option.name or '').upper()}",
            }
    if isinstance(command, click.Group):
        # Which of them is called is not known yet.
        stems = tuple(_stem(f"{name}-{below}") for below in command.commands)
        known |= {given for given in environment if given.startswith(stems)}
    return {
        given: next(iter(difflib.get_close_matches(given, sorted(known), 1, 0.7)), "")
        for given in sorted(environment)
        if given.startswith(PREFIX) and given not in known
    }


def warn(
    environment: Iterable[str], names: Iterable[str], name: str, command: click.Command
) -> None:
    """Say once which variables nothing reads."""
    from headstart.cli.terminal import say

    theirs = tuple(_stem(other) for other in names if other != name)
    for given, nearest in unknown(environment, name, command).items():
        if given.startswith(theirs) and not given.startswith(_stem(name)):
            continue
        hint = f": did you mean {nearest}?" if nearest else " (docs/ENVIRONMENT.md)"
        say(f"headstart: warning: {given} is no variable that is read{hint}", err=True)


def _stem(name: str) -> str:
    return f"{PREFIX}{name.upper().replace('-', '_')}_"


def _long(option: click.Option) -> str:
    longest = max(option.opts, key=len)
    return longest.lstrip("-").upper().replace("-", "_")
