"""`headstart store`: where a collector's store is kept."""

import click

from headstart.cli.errors import CommandError, InputError
from headstart.cli.faults import collector_faults
from headstart.cli.store_url import ADVICE, url_has_password
from headstart.cli.terminal import say

# Of a table; a smaller one is over before it is read about.
_TOLD_ROWS = 10_000


@click.group("store")
def command() -> None:
    """Move a collector's store between its folder and a PostgreSQL database."""


@command.command("copy")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy a whole store, each page of it read back and compared.

    FROM and TO: a collector's folder (its --data, or sqlite:FOLDER/headstart.sqlite), or
    postgresql://USER@HOST/DATABASE; one of them at least a database. No collector may have either.
    FROM stays as it is. TO has to be without a store, or to have an unfinished copy of this one,
    which is gone on with.
    """
    # Late: it brings the database, which `--help` does without.
    from headstart.collector.store.copying import CopyFault, CopyRefused
    from headstart.collector.store.moving import move

    for each in (source, target):
        if url_has_password(each):
            raise InputError(ADVICE)
    try:
        with collector_faults():
            copied = move(source, target, tell=_tell)
    except CopyRefused as error:
        raise InputError(str(error)) from error
    except CopyFault as error:
        raise CommandError(str(error), _GO_ON) from error
    except KeyboardInterrupt:
        say(_GO_ON, err=True)
        raise
    for table, rows in copied.rows.items():
        say(f"{table}: {rows} rows")
    say(
        f"store {copied.store_id}: {sum(copied.rows.values())} rows, the same on both sides. Start "
        "the collector on the new one alone: agents would take two of them for one",
    )


_GO_ON = "what is copied so far is no store yet: the same command goes on with it"


def _tell(table: str, done: int, everything: int) -> None:
    if everything >= _TOLD_ROWS:
        say(f"{table}: {done} of {everything} rows", err=True)
