"""`headstart restore`."""

import time
from pathlib import Path

import click

from headstart.cli.errors import CommandError, InputError
from headstart.cli.given import Folder, OutputFolder
from headstart.cli.terminal import say


@click.command("restore")
@click.argument("source", type=Folder(), metavar="SOURCE")
@click.option(
    "--data",
    type=OutputFolder(),
    required=True,
    help="The folder to make, for `headstart collector --data`: new or empty.",
)
def command(source: Path, data: Path) -> None:
    """Make a collector's folder of a backup, once all of it was checked.

    Nothing is replaced. What happened since the backup is not in it: runs, results, revocations,
    and the uses of tokens.
    """
    # Late: it brings the database, which `--help` does without.
    from headstart.collector.store.backups import BackupFault, BackupRefused
    from headstart.collector.store.restoring import restore

    try:
        found = restore(source.absolute(), data.absolute())
    except BackupRefused as error:
        raise InputError(str(error)) from error
    except BackupFault as error:
        raise CommandError(str(error)) from error
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(found.made_seconds))
    say(f"{data}: {len(found.files)} files, {found.bytes} bytes, as of {made} UTC")
    say(
        "what was revoked since then holds again: start the collector without --listen first, "
        "`headstart revoke` it over the socket, and open the ports then (docs/BACKUP.md)",
        err=True,
    )
