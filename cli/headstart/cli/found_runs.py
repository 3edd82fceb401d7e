"""Where a command finds runs: a collector's, or those that `headstart run` left in a folder."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from headstart.cli.connection import (
    Connection,
    as_person,
    default_address,
    given_collector,
    own_connection,
)
from headstart.cli.data_folder import DEFAULT, listens, opened, store_folder
from headstart.cli.errors import CommandError, InputError
from headstart.cli.given import Folder
from headstart.cli.terminal import say
from headstart.words.foreign.addresses import socket_path


@dataclass(frozen=True)
class Runs:
    """What --collector and --data say; looked for when the first call is made."""

    # None: no address was given.
    collector: Connection | None
    # None: no folder was given.
    data: Path | None

    def reached(self) -> Connection:
        """The collector that answers, for the rest of the command."""
        return self._found

    @cached_property
    def _found(self) -> Connection:
        if self.data is not None:
            folder = store_folder(self.data)
            if folder is None:
                raise InputError(
                    f"--data {self.data}: no runs are stored there; expected the folder that "
                    "`headstart run` keeps, with collector/headstart.sqlite in it"
                )
            return _held(folder)
        if self.collector is not None:
            return self.collector.reached()
        return _looked_for()


def _looked_for() -> Connection:
    """The collector that this user is enrolled at; else this user's own, if it listens; else the
    runs in the working directory.
    """
    if (own := own_connection()) is not None:
        if store_folder(DEFAULT) is not None:
            _say_others(f"the collector at {own.target}")
        return own.reached()
    address, problem = "", ""
    try:
        address = default_address()
    except InputError as error:
        problem = str(error)
    path = socket_path(address)
    folder = store_folder(DEFAULT)
    if path is not None and listens(path):
        if folder is not None:
            _say_others("this user's collector")
        return Connection(address)
    if folder is not None:
        return _held(folder)
    raise CommandError(
        f"no runs are found: {problem or f'no collector answers at {address}'}, and "
        f"{DEFAULT.absolute()}, where `headstart run` keeps its runs, holds none",
        "name a folder with --data, or a collector with --collector",
    )


def _say_others(asked: str) -> None:
    say(f"headstart: asking {asked}; {DEFAULT} here holds runs too: --data {DEFAULT}", err=True)


def _held(folder: Path) -> Connection:
    """Until the command ends."""
    return click.get_current_context().with_resource(opened(folder))


def runs_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data, and --collector with how it is reached; the command gets both as `collector`."""

    @functools.wraps(command)
    @given_collector
    def found(*arguments: Any, data: Path | None, collector: Connection | None, **more: Any) -> Any:
        context = click.get_current_context()
        if data is not None and collector is not None:
            if _typed(context, "data") == _typed(context, "targets"):
                raise InputError("--data and --collector exclude each other")
            if _typed(context, "data"):
                # What is typed stands above what the environment says.
                collector = None
            else:
                data = None
        person = as_person(collector) if collector is not None else None
        return command(*arguments, collector=Runs(person, data), **more)

    return click.option(
        "--data",
        type=Folder(),
        help="Folder that `headstart run` keeps. Default: the collector, and where none answers "
        f"{DEFAULT} in the working directory.",
    )(found)


def _typed(context: click.Context, name: str) -> bool:
    return context.get_parameter_source(name) == ParameterSource.COMMANDLINE
