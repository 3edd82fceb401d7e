"""A database that cannot hold a store, of a server that is reached over TLS: what is said of it."""

import re
from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.server import Collector
from headstart.collector.store import hosts as store_hosts
from headstart.collector.store.copying import CopyFault
from headstart.collector.store.database import database_of
from headstart.collector.store.migrations import KNOWN_VERSION
from headstart.collector.store.moving import move
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.writer import StoreFault
from headstart.collector.turns import Turns
from headstart.v1.host_pb2 import HostFacts, Policy
from support import older_schemas
from support.attending import OPEN_PORT, in_loop
from support.certificates import Authority
from support.posing_server import posing
from support.running import headstart
from support.secure_postgres import PASSWORD, ROLE, SecurePostgres

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecurePostgres]:
    server = SecurePostgres(tmp_path_factory.mktemp("secure"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(autouse=True)
def password(secure: SecurePostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    """The right one."""
    monkeypatch.setenv("PGPASSFILE", str(secure.password_file()))


async def _alone(folder: Path, url: str) -> None:
    config = CollectorConfig(data=folder / "data", store=url, **OPEN_PORT)
    await (await Collector.start(config)).stop()


async def _taking_turns(folder: Path, url: str) -> None:
    config = CollectorConfig(data=folder / "data", store=url, stand_by=True, **OPEN_PORT)
    await (await Turns.start(config)).stop()


async def _copied_there(folder: Path, url: str) -> None:
    older_schemas.make(folder / FILE_NAME, KNOWN_VERSION)
    move(str(folder), url)


USES = [_alone, _taking_turns, _copied_there]
Use = Callable[[Path, str], Awaitable[None]]


@cache
def _of(server: SecurePostgres, owner: str = ROLE, encoding: str = "UTF8") -> str:
    """A database that nothing comes into."""
    return server.database_of(owner, encoding)


def _another_authority(server: SecurePostgres) -> str:
    other = Authority(server.authority.certificate.parent / "other").certificate
    url = server.secure_url(_of(server))
    return url.replace(str(server.authority.certificate), str(other))


def _no_authority(server: SecurePostgres) -> str:
    url = server.secure_url(_of(server))
    return url.replace(str(server.authority.certificate), "/nowhere/ca.pem")


def _another_name(server: SecurePostgres) -> str:
    return server.secure_url(_of(server), host="127.0.0.1")


def _in_the_clear(server: SecurePostgres) -> str:
    return server.secure_url(_of(server)).partition("?")[0] + "?sslmode=disable"


def _nowhere(server: SecurePostgres) -> str:
    return server.secure_url("nowhere")


def _nobody(server: SecurePostgres) -> str:
    return server.secure_url(_of(server), user="nobody")


def _without_rights(server: SecurePostgres) -> str:
    return server.secure_url(_of(server, "tester"))


def _without_connect(server: SecurePostgres) -> str:
    name = server.database_of("tester")
    server.sql(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
    return server.secure_url(name)


def _without_schema(server: SecurePostgres) -> str:
    return server.secure_url(_of(server)) + "&options=-csearch_path%3Dnowhere"


def _latin(server: SecurePostgres) -> str:
    return server.secure_url(_of(server, encoding="LATIN1"))


REFUSED = [
    (_another_authority, "certificate verify failed", "sslrootcert has to name the authority"),
    (_no_authority, 'root certificate file "/nowhere/ca.pem" does not exist', "provide the file"),
    (_another_name, 'does not match host name "127.0.0.1"', "name the server as its certificate"),
    (_in_the_clear, f'user "{ROLE}", database "kept', "pg_hba.conf needs a line"),
    (_nowhere, 'database "nowhere" does not exist', "CREATE DATABASE"),
    (_nobody, 'password authentication failed for user "nobody"', "CREATE ROLE"),
    (_without_rights, "permission denied for schema public", "has to own the database"),
    (_without_connect, "permission denied for database", "GRANT CONNECT"),
    (_without_schema, "there is no schema that search_path names", "CREATE SCHEMA"),
    (_latin, "encoding is LATIN1", "ENCODING 'UTF8'"),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("url_of", "what", "to_do"), REFUSED)
@in_loop
async def test_what_cannot_hold_a_store_is_named_with_what_to_do(
    tmp_path: Path,
    secure: SecurePostgres,
    caplog: pytest.LogCaptureFixture,
    use: Use,
    url_of: Callable[[SecurePostgres], str],
    what: str,
    to_do: str,
) -> None:
    url = url_of(secure)
    with pytest.raises((StartFault, CopyFault)) as caught:
        await use(tmp_path, url)
    said = str(caught.value)

    assert what in said
    assert to_do in said
    assert database_of(url, tmp_path).shown in said
    assert "\n" not in said
    assert PASSWORD not in said + caplog.text


@pytest.mark.parametrize("use", USES)
@in_loop
async def test_a_store_is_kept_over_tls(
    tmp_path: Path, secure: SecurePostgres, monkeypatch: pytest.MonkeyPatch, use: Use
) -> None:
    # As pg_hba.conf has it, there is no other way.
    url = secure.secure_url(secure.database_of(ROLE))
    await use(tmp_path, url)

    async with Store(tmp_path / "later", database_of(url, tmp_path)) as store:
        await store.write(lambda c: store_hosts.greet(c, HostFacts(host="h1"), Policy(), 1.0))
        asked = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
        all_of_it = secure.sql(f"{asked} WHERE usename = '{ROLE}'").strip()
    assert all_of_it == "t"


@pytest.mark.parametrize("way", ["file", "variable"])
@pytest.mark.parametrize("command", ["collector", "stand by", "copy", "backup"])
def test_a_wrong_password_is_named_and_stands_in_no_output(
    tmp_path: Path, secure: SecurePostgres, command: str, way: str
) -> None:
    wrong = "swordfish"
    url = secure.secure_url(_of(secure))
    older_schemas.make(tmp_path / FILE_NAME, KNOWN_VERSION)
    given = {
        "collector": ("collector", "--data", tmp_path / "data", "--metrics-listen", "none"),
        "stand by": ("collector", "--stand-by", "--data", tmp_path, "--metrics-listen", "none"),
        "copy": ("store", "copy", tmp_path, url),
        "backup": ("backup", tmp_path / "there", "--data", tmp_path / "data", "--store", url),
    }[command]
    env = {"PGPASSFILE": str(secure.password_file(wrong))}
    if given[0] == "collector":
        listen = f"unix:{secure.folder / 'c.sock'}"
        given = (*given, "--listen", listen)
        if way == "variable":
            with_it = url.replace(f"{ROLE}@", f"{ROLE}:{wrong}@")
            env = {"HEADSTART_COLLECTOR_STORE": with_it, "PGPASSFILE": "/dev/null"}
        else:
            given = (*given, "--store", url)
    elif way == "variable":
        env = {"PGPASSWORD": wrong}
    done = headstart(*given, env=env)

    assert done.status != 0
    assert f'password authentication failed for user "{ROLE}"' in done.errors
    assert "PGPASSFILE names" in done.errors
    assert "Traceback" not in done.errors
    assert wrong not in done.output + done.errors


@in_loop
async def test_a_password_that_is_changed_meanwhile_is_named(
    tmp_path: Path, secure: SecurePostgres, caplog: pytest.LogCaptureFixture
) -> None:
    url = secure.secure_url(secure.database_of(ROLE))
    async with Store(tmp_path, database_of(url, tmp_path)) as store:
        await store.write(lambda c: store_hosts.greet(c, HostFacts(host="h1"), Policy(), 1.0))
        secure.sql(f"ALTER ROLE {ROLE} PASSWORD 'another'")
        sessions = f"FROM pg_stat_activity WHERE usename = '{ROLE}'"
        try:
            secure.sql(f"SELECT pg_terminate_backend(pid) {sessions}")
            with pytest.raises(StoreFault) as caught:
                await store.write(
                    lambda c: store_hosts.greet(c, HostFacts(host="h2"), Policy(), 1.0)
                )
        finally:
            secure.sql(f"ALTER ROLE {ROLE} PASSWORD '{PASSWORD}'")
        assert "password authentication failed" in str(caught.value)
        assert PASSWORD not in str(caught.value)
        assert PASSWORD not in caplog.text
        await store.write(lambda c: store_hosts.greet(c, HostFacts(host="h2"), Policy(), 1.0))
        assert store.problem == ""


@pytest.mark.parametrize("use", USES)
@in_loop
async def test_a_server_that_says_it_is_older_is_refused(
    tmp_path: Path, secure: SecurePostgres, short_path: Path, use: Use
) -> None:
    name = _of(secure, "tester")
    name_of_socket = f".s.PGSQL.{secure.port}"
    with posing(secure.folder / name_of_socket, short_path / name_of_socket, _older):
        url = f"postgresql://tester@/{name}?host={short_path}&port={secure.port}"
        with pytest.raises(StartFault, match="the server is PostgreSQL 13; expected 14 or later"):
            await use(tmp_path, url)


def _older(said: bytes) -> bytes:
    return re.sub(rb"(?<=server_version\0)\d\d", b"13", said)
