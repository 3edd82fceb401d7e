"""A store moved between a collector's folder and a PostgreSQL database, or between two of these."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from headstart.collector.store.copying import Copied, CopyFault, CopyRefused, Tell, copy
from headstart.collector.store.database import Database, database_of, is_url
from headstart.collector.store.opening import FILE_NAME, FolderLock
from headstart.words.private_files import private_folder

_FILE_PREFIX = "sqlite:"


def move(source: str, target: str, *, tell: Tell = lambda _table, _done, _all: None) -> Copied:
    """Copy a store, with both places kept from collectors meanwhile.

    Each is a collector's folder, `sqlite:` and the file in it, or the URL of a database; one of
    them has to be a URL. Raises CopyRefused, CopyFault, FolderInUse, StoreInUse and other
    StartFaults.
    """
    if not is_url(source) and not is_url(target):
        raise CopyRefused(
            "expected postgresql://... on one side or both: a folder is copied by headstart backup "
            "and headstart restore"
        )
    if source == target:
        raise CopyRefused("both are the same: there is nothing to copy")
    with _source(source) as read, _target(target) as written:
        return copy(read, written, tell=tell)


def folder_of(where: str) -> Path:
    """The folder that is meant by it, or by the file in it. Raises CopyRefused."""
    path = Path(where.removeprefix(_FILE_PREFIX)).absolute()
    if path.name == FILE_NAME:
        return path.parent
    if where.startswith(_FILE_PREFIX) and not path.is_dir():
        raise CopyRefused(f"{where}: expected a collector's folder, or {FILE_NAME} in it")
    return path


@contextmanager
def _source(where: str) -> Iterator[Database]:
    """A store that no collector writes to."""
    with ExitStack() as held:
        if is_url(where):
            database = database_of(where, Path())
            engine = database.writer_engine()
            held.callback(engine.dispose)
            try:
                # Its session holds the store's lock for as long as it lives.
                held.enter_context(engine.connect())
            except DBAPIError as error:
                raise CopyFault(f"{database.shown}: {database.words_of(error)}") from error
        else:
            folder = folder_of(where)
            if not (folder / FILE_NAME).is_file():
                raise CopyRefused(
                    f"{folder}: there is no {FILE_NAME}; expected a collector's --data"
                )
            held.callback(FolderLock(folder).release)
            database = database_of("", folder / FILE_NAME)
        yield database


@contextmanager
def _target(where: str) -> Iterator[Database]:
    """Where a store shall be; a database is locked by whoever writes to it first."""
    if is_url(where):
        yield database_of(where, Path())
        return
    folder = private_folder(folder_of(where), marks=(FILE_NAME, "identity", "collector.lock"))
    lock = FolderLock(folder)
    try:
        database = database_of("", folder / FILE_NAME)
        database.make_place()
        yield database
    finally:
        lock.release()
