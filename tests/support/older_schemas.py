"""The tables of each version of the store, as the last commit of that version made them.

`store_schemas/NN.sql` is what SQLite says of a new store of version NN. A version that is released
never changes; that of this commit is written by `cd tests && python -m support.older_schemas`.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from headstart.collector.store import sqlite
from headstart.collector.store.migrations import prepare

FOLDER = Path(__file__).with_name("store_schemas")
VERSIONS = sorted(int(path.stem) for path in FOLDER.glob("*.sql"))

# A row's key wherever a table or another one that refers to it has such a column.
_KEYS = {"host": "h1", "run_id": "20260101-000000-0001", "stream_id": "s1"}


def make(path: Path, number: int) -> None:
    """A store of that version, with one row in each table."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA foreign_keys = ON")
    for statement in (FOLDER / f"{number:02}.sql").read_text().split(";\n"):
        database.execute(statement)
    for table in tables_of(database):
        columns = database.execute(f"PRAGMA table_info({table})").fetchall()
        row = {column[1]: _value(table, column[1], column[2], number) for column in columns}
        places = ", ".join(f":{name}" for name in row)
        names = ", ".join(f'"{name}"' for name in row)
        statement = f"INSERT INTO {table} ({names}) VALUES ({places})"  # noqa: S608  # our own names
        database.execute(statement, row)
    database.close()


def tables_of(database: sqlite3.Connection) -> list[str]:
    """In the order in which they were made: what a table refers to comes before it."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY rowid"
    return [str(row[0]) for row in database.execute(query)]


def rows_of(database: sqlite3.Connection) -> dict[str, dict[str, object]]:
    """The row that `make` put into each table, by its columns."""
    found = {}
    for table in tables_of(database):
        cursor = database.execute(f"SELECT * FROM {table}")  # noqa: S608  # our own names
        row = cursor.fetchone()
        if row is not None:
            names = [each[0] for each in cursor.description]
            found[table] = dict(zip(names, row, strict=True))
    return found


def _value(table: str, column: str, kind: str, number: int) -> object:
    if table == "version" and column == "version":
        return number
    if table == "results" and column == "result_json":
        # As of an analysis that failed: no version reads more of it.
        return ""
    for suffix, value in _KEYS.items():
        if column == suffix or column.endswith(f"_{suffix}"):
            return value
    if kind == "BLOB":
        return f"{table} {column}".encode()
    if kind.startswith(("VARCHAR", "TEXT")):
        return f"{table[:4]} {column[:4]}"
    return 1


def _write() -> None:
    """The schema of a new store of this commit."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "new.sqlite"
        engine = sqlite.writer_engine(path)
        with engine.begin() as connection:
            number = prepare(connection)
        engine.dispose()
        with closing(sqlite3.connect(path)) as database:
            query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
            statements = [row[0].strip() for row in database.execute(query)]
    lines = ("\n".join(line.rstrip() for line in each.splitlines()) for each in statements)
    (FOLDER / f"{number:02}.sql").write_text("".join(f"{each};\n" for each in lines))


if __name__ == "__main__":
    _write()
