"""`--config`: the configuration of dashboards and alerts, read before a command begins."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli.errors import InputError
from headstart.cli.given import Folder

if TYPE_CHECKING:
    from headstart.dashboards import Configuration

configuration_option = click.option(
    "--config",
    type=Folder(),
    metavar="FILE",
    help="Thresholds, selectors, labels and addresses; `headstart rules config` prints one with "
    "every key. Default: what Headstart comes with.",
)


def configured(path: Path | None) -> "Configuration":
    """What the file says, or the defaults. Raises InputError with all that is wrong with it."""
    from headstart.dashboards import Configuration, ConfigurationError, read_configuration

    if path is None:
        return Configuration()
    try:
        return read_configuration(path)
    except ConfigurationError as error:
        raise InputError(*str(error).splitlines()) from error
