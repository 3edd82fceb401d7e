"""Options that name PEM files: a collector's own and those of whoever speaks to one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def pem_option(name: str, meaning: str) -> Callable[[F], F]:
    """An option whose value is the path of a PEM file."""
    return click.option(name, type=click.Path(path_type=Path), help=meaning)


certificate_option = pem_option("--tls-certificate", "Own certificate, PEM.")
key_option = pem_option("--tls-key", "Private key, PEM.")
