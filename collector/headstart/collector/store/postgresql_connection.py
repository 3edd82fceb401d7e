"""Connections to a PostgreSQL server: by whose URL, and with which bounds."""

import os
import socket
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.conninfo import conninfo_to_dict

from headstart.collector.faults import StartFault
from headstart.collector.store.postgresql_faults import refusal_of

# A peer that is gone is noticed within some ten seconds, on both sides.
_LIVENESS = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_UNSENT_MILLISECONDS = 15_000
_CONNECT_SECONDS = 10
# Of a server that can be written to, where a replica has answered a reader already; and for how
# long none is looked for again.
_HASTY_CONNECT_SECONDS = 2
ON_REPLICA_SECONDS = 5
# Whoever froze in the middle of a transaction holds up whoever takes over.
_IDLE = {"writer": "10s", "reader": "60s"}
_AGAIN_SECONDS = (0.1, 2.0)

# Those of this process, for `sever_all`.
_open: "weakref.WeakSet[psycopg.Connection[Any]]" = weakref.WeakSet()
_of_open = threading.Lock()
# By URL, when readers look for a server that can be written to again, by the monotonic clock.
_writable_again: dict[str, float] = {}


class _Words(Dumper):
    """Text as bytes. PostgreSQL holds no NUL, which a foreign word may have."""

    def dump(self, obj: str) -> bytes:
        return obj.replace("\0", "\ufffd").encode()


def settings_of(url: str) -> dict[str, Any]:
    """What libpq reads in a URL. Raises StartFault, which does not say the URL: it has secrets."""
    try:
        return dict(conninfo_to_dict(url))
    except psycopg.Error:
        raise StartFault(
            "--store is no URL that PostgreSQL's client library can read; expected "
            "postgresql://USER@HOST:PORT/DATABASE, with ?sslmode=verify-full and the like, and "
            "% before the two digits of a character that means something in a URL"
        ) from None


def shown(url: str) -> str:
    """A database by user, host and name, for people: nothing else of its URL is fit to be shown."""
    found = settings_of(url)
    if service := found.get("service"):
        return f"postgresql service {service}"
    user = f"{found['user']}@" if found.get("user") else ""
    hosts = str(found.get("host") or found.get("hostaddr") or "").split(",")
    ports = str(found.get("port") or "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    where = ",".join(
        f"{host}:{port}" if port else host for host, port in zip(hosts, ports, strict=False)
    )
    return f"postgresql://{user}{where}/{found.get('dbname') or ''}"


def connect(url: str, **settings: Any) -> psycopg.Connection[Any]:
    """A connection, with what makes the loss of the other side be noticed. Raises psycopg.Error."""
    said = settings_of(url)
    defaults: dict[str, Any] = {
        "application_name": f"headstart collector on {socket.gethostname()}"[:63],
        "tcp_user_timeout": _UNSENT_MILLISECONDS,
        **_LIVENESS,
    }
    if "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = _CONNECT_SECONDS
    defaults = {name: value for name, value in defaults.items() if name not in said}
    connection = psycopg.connect(url, **(defaults | settings), client_encoding="UTF8")
    connection.adapters.register_dumper(str, _Words)
    with _of_open:
        _open.add(connection)
    return connection


def sever(connection: psycopg.Connection[Any]) -> None:
    """End whatever waits for an answer by a connection, from any thread; it is of no use then.

    What is between, such as a proxy, may take bytes for a server that never gets them.
    """
    with (
        suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.pgconn.socket)) as end,
    ):
        # Else its number may be another one's by now.
        if not connection.closed:
            end.shutdown(socket.SHUT_RDWR)


def sever_all() -> None:
    """The same, of all that this process has."""
    with _of_open:
        found = list(_open)
    for connection in found:
        sever(connection)


def as_writer(
    url: str, made: Callable[[psycopg.Connection[Any]], None] = lambda _connection: None
) -> psycopg.Connection[Any]:
    """A connection to a server that can be written to, in a session that commits durably.

    `made` has it before anything is asked by it: it can be severed from then on.
    """
    said = settings_of(url)
    wanted = {} if "target_session_attrs" in said else {"target_session_attrs": "read-write"}
    connection = connect(url, **wanted, autocommit=True)
    made(connection)
    _bound(connection, "writer")
    # What a server or a role has set may be less than on disk; more is theirs to choose.
    row = connection.execute("SHOW synchronous_commit").fetchone()
    if row is not None and row[0] == "off":
        connection.execute("SET synchronous_commit = on")
    connection.autocommit = False
    return connection


def as_reader(url: str) -> psycopg.Connection[Any]:
    """A connection that changes nothing, and whose transactions see one state.

    To a replica only where nothing else answers: it may not have yet what was acknowledged.
    """
    connection = _beside_replicas(url)
    _bound(connection, "reader")
    connection.autocommit = False
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


def _beside_replicas(url: str) -> psycopg.Connection[Any]:
    connection = connect(url, autocommit=True)
    said = settings_of(url)
    now = time.monotonic()
    if (
        not is_of_a_replica(connection)
        or "target_session_attrs" in said
        or now < _writable_again.get(url, now)
    ):
        return connection
    hasty = {"connect_timeout": _HASTY_CONNECT_SECONDS, "target_session_attrs": "read-write"}
    try:
        another = connect(url, **hasty, autocommit=True)
    except psycopg.OperationalError:
        _writable_again[url] = now + ON_REPLICA_SECONDS
        return connection
    connection.close()
    return another


def is_of_a_replica(connection: psycopg.Connection[Any]) -> bool:
    """As far as the server has said: it does, with the next answer, when it is promoted."""
    return connection.info.parameter_status("in_hot_standby") == "on"


def _bound(connection: psycopg.Connection[Any], kind: str) -> None:
    for name, value in (
        ("idle_in_transaction_session_timeout", f"'{_IDLE[kind]}'"),
        # Of the server's side: it keeps the lock of a collector that is gone for hours, else.
        *((f"tcp_{name}", value) for name, value in _LIVENESS.items()),
        ("tcp_user_timeout", _UNSENT_MILLISECONDS),
    ):
        connection.execute(f"SET {name} = {value}".encode())


def require_usable(connection: psycopg.Connection[Any], shown: str) -> None:
    """Raises StartFault where a server cannot hold a store."""
    refusal = refusal_of(
        connection.info.server_version,
        connection.info.parameter_status("server_encoding") or "",
    )
    if not refusal:
        try:
            row = connection.execute("SELECT current_schema() IS NULL").fetchone()
        except psycopg.errors.ProtocolViolation as error:
            # A pooler's own words; one of statements alone lets no transaction begin.
            if "statement pooling" not in str(error):
                raise
            raise StartFault(by_transaction(shown)) from error
        connection.rollback()
        if row is not None and row[0]:
            refusal = (
                "there is no schema that search_path names, or it is not this role's to use: "
                "CREATE SCHEMA ... AUTHORIZATION ..."
            )
    if refusal:
        raise StartFault(f"{shown} cannot hold the store: {refusal}")


def require_own_session(connection: psycopg.Connection[Any], url: str, shown: str) -> None:
    """Raises StartFault where a pooler gives one session to several connections in turns.

    A lock of a session is nobody's then, and stays when its collector is gone.
    """
    pid = _server_pid(connection)
    if pid == connection.info.backend_pid:
        # A pooler says a number of its own.
        return
    with as_writer(url) as another:
        if _server_pid(another) == pid:
            raise StartFault(by_transaction(shown))


def by_transaction(shown: str) -> str:
    """What is wrong with a pooler that does, and what to do."""
    return (
        f"{shown} is a pooler that hands out sessions by transaction or statement, and the lock "
        "that keeps two collectors apart is a session's: name the server itself, or set the pooler "
        "to sessions (PgBouncer: pool_mode = session)"
    )


def _server_pid(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    connection.rollback()
    return 0 if row is None else int(row[0])


def until_known(look: Callable[[], bool], give_up: Callable[[], bool]) -> bool:
    """What `look` says, once the database answers. Raises its error when `give_up` says so."""
    pause, longest = _AGAIN_SECONDS
    while True:
        try:
            return look()
        except psycopg.Error:
            if give_up():
                raise
        time.sleep(pause)
        pause = min(2 * pause, longest)
