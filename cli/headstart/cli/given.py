"""Names and outputs as they were given, held against the machine before a command begins.

What is wrong with them is collected and told together, with exit code 2.
"""

import functools
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from headstart.cli.errors import InputError
from headstart.words.foreign.dialled import why_not_dialled

_PROBLEMS = "headstart.problems"


if TYPE_CHECKING:
    _Type = click.ParamType[Any]
else:
    # Generic since click 8.3 alone.
    _Type = click.ParamType


class Name(_Type):
    """A text that says which; without one nothing is meant."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as a command takes it; what is wrong with it is kept for later."""
        if param is None or ctx is None or _by_default(param, ctx):
            return self.made(value)
        if problem := self.problem(str(value)):
            ctx.meta.setdefault(_PROBLEMS, []).append(f"{_called(param)}: {problem}")
        return self.made(value)

    def problem(self, text: str) -> str:
        """A clause; empty: it will do."""
        return "" if text.strip() else "the name is empty"

    def made(self, value: Any) -> Any:
        """What the command gets."""
        return value


class Addresses(Name):
    """Addresses of collectors: an option that is repeated, or a variable with commas."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Those of a variable; what is empty says nothing."""
        return [each.strip() for each in rv.split(",") if each.strip()]

    def problem(self, text: str) -> str:
        """Also where it names no port: gRPC would take that of HTTPS."""
        return super().problem(text) or why_not_dialled(text)


class Folder(Name):
    """A folder's path."""

    name = "directory"

    def made(self, value: Any) -> Path:
        """As a path."""
        return Path(value)


class OutputFolder(Folder):
    """A folder to write to, made when it is missing."""

    def problem(self, text: str) -> str:
        """Also where it can neither be written to nor made."""
        if problem := super().problem(text):
            return problem
        path = Path(text).absolute()
        try:
            there = next(each for each in (path, *path.parents) if os.path.lexists(each))
            if not there.is_dir():
                return f"{there} is no folder"
        except OSError as error:
            return f"{text}: {error.strerror}"
        return _unwritable(there, os.W_OK | os.X_OK)


class OutputFile(Folder):
    """A file to write or to append to, in a folder that is there."""

    name = "file"

    def problem(self, text: str) -> str:
        """Also where it cannot be written."""
        if problem := super().problem(text):
            return problem
        path = Path(text)
        try:
            if path.is_dir() or text.endswith("/"):
                return f"{text} is a folder; expected a file"
            if path.exists():
                return _unwritable(path, os.W_OK)
            if not path.parent.is_dir():
                return f"there is no folder {path.parent}"
        except OSError as error:
            return f"{text}: {error.strerror}"
        return _unwritable(path.parent, os.W_OK | os.X_OK)


def write_output(path: Path, content: bytes, *, append: bool = False) -> None:
    """Write a file that was asked for, whole or not at all; InputError where it cannot be."""
    beside: Path | None = None
    try:
        if append or (path.exists() and not path.is_file()) or path.is_symlink():
            with path.open("ab" if append else "wb") as file:
                file.write(content)
            return
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        beside.write_bytes(content)
        if path.exists():
            beside.chmod(path.stat().st_mode & 0o7777)
        beside.replace(path)
    except OSError as error:
        if beside is not None:
            with suppress(OSError):
                beside.unlink()
        raise InputError(f"{path}: {error.strerror}") from error


def refused_first(command: Callable[..., Any]) -> Callable[..., Any]:
    """The command, which begins only if nothing was wrong with what was given."""

    @functools.wraps(command)
    def begun(*arguments: Any, **options: Any) -> Any:
        if problems := click.get_current_context().meta.get(_PROBLEMS):
            raise InputError(*problems)
        return command(*arguments, **options)

    return begun


def _unwritable(path: Path, mode: int) -> str:
    return "" if os.access(path, mode) else f"{path} cannot be written to"


def _by_default(param: click.Parameter, ctx: click.Context) -> bool:
    source = ctx.get_parameter_source(param.name or "")
    return source in (ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP)


def _called(param: click.Parameter) -> str:
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return (param.metavar or param.name or "").upper().strip("[].")
