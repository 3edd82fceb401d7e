"""`headstart backup`."""

from pathlib import Path

import click

from headstart.cli.data_folder import store_folder
from headstart.cli.errors import CommandError, InputError
from headstart.cli.faults import collector_faults
from headstart.cli.given import Folder
from headstart.cli.store_url import ADVICE, url_has_password
from headstart.cli.terminal import say


@click.command("backup")
@click.argument("destination", type=Folder(), metavar="DESTINATION")
@click.option(
    "--data",
    type=Folder(),
    default=Path("headstart-data"),
    show_default=True,
    help="Folder of the collector, which may be running, or of `headstart run`.",
)
@click.option(
    "--store",
    "url",
    default="",
    metavar="URL",
    help="The PostgreSQL database that holds the store, as the collector is given it. Default: the "
    "file in --data.",
)
def command(destination: Path, data: Path, url: str) -> None:
    """Copy a collector's store, authority and contexts into a new folder, as of one moment.

    A collector that runs goes on meanwhile. The folder has its name once it is whole; it is
    private, since it has the authority's key and what secrets the queued files state.
    """
    # Late: it brings the database, which `--help` does without.
    from headstart.collector.store.backups import BackupFault, BackupRefused, make
    from headstart.collector.store.database import database_of

    if url_has_password(url):
        raise InputError("--store: " + ADVICE)
    folder = data.absolute() if url else store_folder(data)
    if folder is None:
        raise InputError(
            f"--data {data}: no store is there; expected the collector's --data, and its --store "
            "beside it where the store is in a database"
        )
    try:
        with collector_faults():
            database = database_of(url, folder) if url else None
            made = make(folder, destination.absolute(), database)
    except BackupRefused as error:
        raise InputError(str(error)) from error
    except BackupFault as error:
        raise CommandError(str(error)) from error
    say(f"{destination}: {len(made.files)} files, {made.bytes} bytes, of {folder}")
