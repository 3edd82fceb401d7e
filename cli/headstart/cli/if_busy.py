"""--if-busy: what is done while another run measures on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from headstart.cli.errors import Busy

_KEY = "headstart.if_busy"
_HELP = (
    "While another run measures on this machine: wait for its end, fail with exit code 4, or "
    "go on beside it."
)


def if_busy_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """The option; `machine_held` reads what was given."""

    def keep(context: click.Context, _option: click.Parameter, given: str) -> None:
        context.meta[_KEY] = given

    return click.option(
        "--if-busy",
        type=click.Choice(["wait", "fail", "go-on"]),
        default="wait",
        show_default=True,
        expose_value=False,
        callback=keep,
        help=_HELP,
    )(command)


@contextmanager
def machine_held() -> Iterator[None]:
    """Keep other runs from this machine until this one ends. CommandError: it is busy."""
    from headstart.agent.cancellation import Cancellation
    from headstart.agent.host.machine import MachineBusy, WhenBusy, alone

    asked = WhenBusy(click.get_current_context().meta.get(_KEY, "wait"))
    try:
        with alone(Cancellation(), asked):
            yield
    except MachineBusy as busy:
        raise Busy(str(busy)) from busy
