"""A container resolves the names that it is given, whatever its image holds and its network is."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.runtimes.docker_instance import DockerInstance
from headstart.agent.runtimes.hosts_file import write_hosts
from headstart.v1.experiment_pb2 import Network
from support.images import build_app, image_of
from support.instances import end_of

HOSTS = {"db.internal": "127.0.0.1", "cache": "fd00::1"}
NETWORKS = {"none": Network.NETWORK_OWN, "host": Network.NETWORK_HOST}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    source = Path(__file__).parents[2] / "support" / "names_app.c"
    program = build_app(tmp_path_factory.mktemp("app"), source)
    with image_of(program, f"headstart-test:hosts-{os.getpid()}") as name:
        yield name


def addresses_in(path: Path) -> list[tuple[str, str]]:
    """Each address with one of its names, as a resolver reads them."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [(line[0], name) for line in lines for name in line[1:]]


@pytest.mark.docker
@pytest.mark.compiler
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("in_memory", [{}, {"/etc": "size=1m"}])
def test_an_image_without_etc_that_cannot_be_written_to_has_them(
    tmp_path: Path, image: str, network: str, in_memory: dict[str, str]
) -> None:
    spec = ContainerSpec(
        name=f"headstart-test-hosts-{os.getpid()}",
        image=image,
        argv=["app", *HOSTS, "localhost"],
        labels={},
        network=network,
        memory_bytes=32 << 20,
        pids=16,
        read_only=True,
        user="1000",
        tmpfs=in_memory,
        hosts=HOSTS,
    )
    with closing(Engine.connect()) as engine:
        instance = DockerInstance(engine, spec, tmp_path / "folder", "", NETWORKS[network])
        found = addresses_in(Path(f"/proc/{instance.pid}/root/etc/hosts"))
        instance.open_gate()
        end_of(instance)
        output = instance.output_tail()
        instance.stop()

    assert found[-2:] == [("127.0.0.1", "db.internal"), ("fd00::1", "cache")]
    assert ("127.0.0.1", "localhost") in found
    written, *resolved = output.splitlines()
    assert written in ("write: Read-only file system", "write: Permission denied")
    assert resolved == [
        "db.internal: 127.0.0.1",
        "cache: fd00::1",
        "localhost: 127.0.0.1",
    ]
    assert not (tmp_path / "folder").exists()


def test_a_network_of_its_own_has_the_lines_of_an_engine(tmp_path: Path) -> None:
    write_hosts(tmp_path / "hosts", {"db": "10.0.0.1"}, "container:0123")

    text = (tmp_path / "hosts").read_text()
    assert text.startswith("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
    assert text.endswith("\n10.0.0.1\tdb\n")
    assert (tmp_path / "hosts").stat().st_mode & 0o777 == 0o644


def test_in_the_hosts_network_a_name_has_the_stated_address_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = tmp_path / "of-the-host"
    host.write_text("# ours\n127.0.0.1 localhost DB # and more\n10.1.1.1 db\n10.2.2.2 other\nodd\n")
    monkeypatch.setattr("headstart.agent.runtimes.hosts_file.HOSTS_FILE", str(host))
    write_hosts(tmp_path / "hosts", {"db": "10.0.0.1"}, "host")

    assert addresses_in(tmp_path / "hosts") == [
        ("127.0.0.1", "localhost"),
        ("10.2.2.2", "other"),
        ("10.0.0.1", "db"),
    ]
