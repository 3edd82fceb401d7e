"""What errors of a PostgreSQL server mean, and what to do about those of its set-up."""

import re

import psycopg

_OLDEST_VERSION = 140_000
# SQLSTATEs of statements that are right, on a database that is not: no permission, no such table.
_OF_THE_DATABASE = ("42501", "42P01", "3F000")
_DAMAGED = ("XX001", "XX002")
# SQLSTATEs, or beginnings of them: no connection, no room, being shut down or started, a server
# that only reads by now, a transaction that made way for another.
_AWAY = ("08", "53", "57P", "25006", "40")
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


def is_at_fault(error: BaseException | None) -> bool:
    """Whether an error is the database's or the connection's, not the statement's."""
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        return True
    return isinstance(error, psycopg.Error) and error.sqlstate in _OF_THE_DATABASE


def is_away(error: BaseException | None) -> bool:
    """Whether the server, or the way to it, is to come back: another try may help."""
    if not isinstance(error, psycopg.Error):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(_AWAY)


def is_damaged(error: BaseException | None) -> bool:
    """Whether the server says that what is stored is damaged."""
    return isinstance(error, psycopg.Error) and error.sqlstate in _DAMAGED


def words_of(error: BaseException) -> str:
    """One line of what an error says, and what to do where that is known.

    Without a server's detail, which may have values of a row in it.
    """
    said = error.diag.message_primary if isinstance(error, psycopg.Error) else ""
    said = said or " ".join(str(error).split())[:500] or type(error).__name__
    advice = [what for words, what in _ADVICE.items() if re.search(words, said)]
    return "; ".join([said, *advice[:1]])
