"""Options whose value is a span of time, such as 90m or 7d."""

import re
from typing import Any

import click

from headstart.cli.errors import InputError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)([smhd])", re.ASCII)


def seconds(_context: click.Context, option: click.Parameter, value: str | None) -> Any:
    """The seconds of an option's value; None without one. A click callback."""
    if value is None:
        return None
    match = _SPAN.fullmatch(value.strip())
    if match is None:
        raise InputError(f"--{option.name}: {value!r} is no time; expected such as 90m, 12h or 7d")
    return float(match[1]) * _SECONDS[match[2]]
