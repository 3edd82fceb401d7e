"""The tables of each version that PostgreSQL has had, as `pg_dump` says of a new store.

`store_schemas/postgresql/NN.sql`: a version that is released never changes; that of this commit is
written by `cd tests && python -m support.older_databases`.
"""

import subprocess
from pathlib import Path

from headstart.collector.store.database import database_of
from headstart.collector.store.migrations import prepare
from support.postgres_server import PostgresServer, programs

FOLDER = Path(__file__).with_name("store_schemas") / "postgresql"
VERSIONS = sorted(int(path.stem) for path in FOLDER.glob("*.sql"))


def prepared(url: str) -> int:
    """Make or upgrade the tables of a database, as a collector does; the version that stands."""
    engine = database_of(url, Path()).writer_engine()
    try:
        with engine.begin() as connection:
            return prepare(connection)
    finally:
        engine.dispose()


def schema_of(url: str) -> str:
    """All statements that make the tables of a database, without what the server's release adds."""
    folder = programs()
    assert folder is not None
    command = [f"{folder}/pg_dump", "--schema-only", "--no-owner", "--no-privileges", url]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = (line for line in dumped.splitlines() if line.strip())
    kept = (line for line in lines if not line.startswith(("--", "SET ", "SELECT ", "\\")))
    return "".join(f"{line}\n" for line in kept)


def lines_of(schema: str) -> list[str]:
    """In no order: columns that came later stand last."""
    return sorted(line.rstrip(",") for line in schema.splitlines())


def make(server: PostgresServer, number: int) -> str:
    """A database with the tables of a version, and nothing in them; its URL."""
    url = server.new_database()
    database = url.partition("?")[0].rpartition("/")[2]
    statements = (FOLDER / f"{number:02}.sql").read_text()
    server.sql(statements, database)
    server.sql(f"INSERT INTO version VALUES ({number}, 'kept')", database)  # noqa: S608  # a number
    return url


def _write() -> None:
    server = PostgresServer()
    try:
        server.start()
        url = server.new_database()
        number = prepared(url)
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / f"{number:02}.sql").write_text(schema_of(url))
    finally:
        server.close()


if __name__ == "__main__":
    _write()
