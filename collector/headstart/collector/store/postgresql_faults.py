"""What errors of a PostgreSQL server mean, and what to do about those of its set-up."""

import re

import psycopg

from headstart.collector.store.fault_kinds import FaultKind

_OLDEST_VERSION = 140_000
# SQLSTATEs, or beginnings of them.
_DAMAGED = ("XX001", "XX002")
_AWAY = (
    # No connection.
    "08",
    # A server that only reads by now; a transaction that was ended since nothing came for too
    # long, as of a process that was frozen, or that took too long.
    "25006",
    "25P03",
    "25P04",
    # Who may connect, and to what: an operator's affair.
    "28",
    "3D000",
    # A transaction that made way for another, and a lock that another one has.
    "40",
    "55P03",
    # No room, and the server's disk.
    "53",
    "58",
    # A statement that somebody ended or that took too long; a server that stops or starts.
    "57",
    # What it was to read was removed meanwhile, since it took too long.
    "72000",
    # Right statements on a database that is not: no permission, no such table, no such schema.
    # What somebody took away can be given back.
    "42501",
    "42P01",
    "3F000",
)
# A statement that the client made wrong; but a pooler says it of a connection that it ends.
_PROTOCOL_VIOLATION = "08P01"
_ENDED = ("FATAL", "PANIC")
# Words of servers and of their client library, which have no number where nobody is connected yet.
# In another language than English they stand without advice.
_ADVICE = {
    r"password authentication failed|no password supplied": (
        "is the role there (CREATE ROLE ... LOGIN PASSWORD '...'), and does the file that "
        "PGPASSFILE names have its password (HOST:PORT:DATABASE:USER:PASSWORD, mode 0600)?"
    ),
    r'^role ".*" does not exist|FATAL: *role ".*" does not exist': (
        "CREATE ROLE ... LOGIN, or another user in the URL"
    ),
    r'database ".*" does not exist': (
        "CREATE DATABASE ... OWNER ... ENCODING 'UTF8' TEMPLATE template0, or another name in "
        "the URL"
    ),
    r"permission denied for database": "GRANT CONNECT ON DATABASE ... TO the role",
    r"permission denied for schema": (
        "the role has to own the database, or a schema that the URL names: "
        "?options=-csearch_path%3DSCHEMA"
    ),
    r"certificate verify failed": (
        "sslrootcert has to name the authority of the server's certificate"
    ),
    r"does not match host name": ("the URL has to name the server as its certificate does"),
    r"server does not support SSL": "the server needs ssl = on and a certificate",
    r"no pg_hba\.conf entry": (
        "the server's pg_hba.conf needs a line for this role, database and machine"
    ),
    r"session is read-only|server is in hot standby mode": (
        "the URL has to name the server that can be written to, or all of them"
    ),
}


def refusal_of(version: int, encoding: str) -> str:
    """Why a server of this version, with a database of this encoding, holds no store; or nothing.

    A version as libpq says it: 150018 is 15.18.
    """
    if version < _OLDEST_VERSION:
        return (
            f"the server is PostgreSQL {version // 10_000}; expected "
            f"{_OLDEST_VERSION // 10_000} or later"
        )
    if encoding != "UTF8":
        return (
            f"the database's encoding is {encoding}; expected UTF8: "
            "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    return ""


def kind_of(error: BaseException | None) -> FaultKind:
    """By the server's SQLSTATE; of what it has never seen by the client library's class."""
    if not isinstance(error, psycopg.Error):
        return FaultKind.WRONG
    code = error.sqlstate
    if code is None:
        # Others are of a statement that could not be sent: its parameters, its types.
        is_away = isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    else:
        is_away = code != _PROTOCOL_VIOLATION and code.startswith(_AWAY)
    # PgBouncer says it without the newer field.
    if is_away or (error.diag.severity_nonlocalized or error.diag.severity) in _ENDED:
        return FaultKind.AWAY
    return FaultKind.DAMAGED if code in _DAMAGED else FaultKind.WRONG


def words_of(error: BaseException) -> str:
    """One line of what an error says, and what to do where that is known.

    Without a server's detail, which may have values of a row in it.
    """
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else ""
    said = said or " ".join(str(error).split())[:500] or type(error).__name__
    advice = [what for words, what in _ADVICE.items() if re.search(words, said)]
    return "; ".join([said, *advice[:1]])
