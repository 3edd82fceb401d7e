"""A unit with Type=notify: systemd hears when a collector answers and when an agent attends."""

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from headstart.cli.service_manager import tell_ready
from support.headstart_programs import program
from support.running import headstart


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """Stands where systemd does: a socket that hears datagrams."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def test_a_collector_is_ready_once_it_answers(manager: socket.socket, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/collector.sock"
    options: list[str | Path] = [
        "--data",
        tmp_path / "data",
        "--listen",
        address,
        "--metrics-listen",
        "none",
    ]
    with program("collector", *options, env={"NOTIFY_SOCKET": manager.getsockname()}):
        assert manager.recv(100) == b"READY=1"

        assert headstart("status", "--collector", address).status == 0


def test_an_agent_is_ready_though_its_collector_is_not_there(
    manager: socket.socket, tmp_path: Path
) -> None:
    options: list[str | Path] = [
        "--state",
        tmp_path / "state",
        "--collector",
        f"unix:{tmp_path}/none.sock",
    ]
    with program("agent", *options, env={"NOTIFY_SOCKET": manager.getsockname()}):
        assert manager.recv(100) == b"READY=1"


def test_what_does_not_start_is_never_ready(manager: socket.socket, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("imagse = []\n")

    ended = headstart(
        "agent",
        "--policy",
        policy,
        "--state",
        tmp_path / "state",
        env={"NOTIFY_SOCKET": manager.getsockname()},
    )

    assert ended.status == 2
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)


def test_what_the_process_starts_cannot_speak_for_it(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())

    tell_ready()

    assert manager.recv(100) == b"READY=1"
    assert "NOTIFY_SOCKET" not in os.environ


def test_a_socket_that_is_no_file_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as listening:
        # The kernel chooses a name: a zero byte and five digits.
        listening.bind("")
        listening.settimeout(60)
        name = listening.getsockname()
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name[1:].decode())

        tell_ready()

        assert listening.recv(100) == b"READY=1"


def test_a_manager_that_is_gone_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))

    tell_ready()

    assert "the service manager is not told" in caplog.text
