"""Options that replace values of an experiment file: `run`, `aa` and `submit` share them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from headstart.cli.errors import InputError


def plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options, as `blocks`, `duration` and `settings`."""
    options = (
        click.option("--blocks", metavar="N|auto", help="In place of the file's `plan.blocks`."),
        click.option(
            "--duration", metavar="DURATION", help="In place of the file's `load.duration`: 30s."
        ),
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="In place of any other value of the file: plan.idle=1s. May be repeated.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def with_options(
    text: str, file: Path, blocks: str | None, duration: str | None, settings: tuple[str, ...]
) -> str:
    """The text of a file with the values that were asked for; InputError with all mistakes."""
    if blocks is None and duration is None and not settings:
        return text
    # Late: they bring the whole of what reads experiment files.
    from headstart.collector.experiments.file.overrides import (
        NoOverride,
        override,
        plan_overrides,
    )

    pairs = [_pair(setting) for setting in settings]
    try:
        changed = override(text, plan_overrides(text, blocks, duration, pairs))
    except NoOverride as error:
        raise InputError(str(error)) from error
    if mistakes := changed.mistakes(str(file.resolve().parent), str(file)):
        raise InputError(*mistakes)
    return changed.text


def _pair(setting: str) -> tuple[str, str]:
    key, separator, value = setting.partition("=")
    if not separator or not all(key.split(".")) or not value:
        raise InputError(f"--set: expected KEY=VALUE such as plan.idle=1s, got {setting!r}")
    return key, value
