"""Where an app listens, from the kernel's tables."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from headstart.agent.runtimes.ports import listeners, parse_listeners

_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000", ["127.0.0.1:8080"]),
        ("   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000", ["0.0.0.0:80"]),
        (
            "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0 0A",
            ["[::1]:8080"],
        ),
        # Connected, and cut off.
        ("   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000", []),
        ("   1: 0100007F:1F", []),
    ],
)
def test_a_line_of_the_table_is_read(line: str, where: list[str]) -> None:
    assert [str(each) for each in parse_listeners(f"{_HEAD}{line}\n")] == where


@pytest.mark.ipv6
@pytest.mark.parametrize("alone", [True, False])
def test_ones_own_listeners_are_found(alone: bool, tmp_path: Path) -> None:
    path = str(tmp_path / "app.sock")
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
        socket.create_server(path, family=socket.AF_UNIX),
    ):
        ports = [server.getsockname()[1] for server in (four, six)]
        found = {str(each) for each in listeners([os.getpid()], alone)}

    assert {f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}", f"the unix socket {path}"} <= found


def test_in_the_hosts_network_others_do_not_count() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as ours,
        subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, close_fds=True) as other,
    ):
        at = f"127.0.0.1:{ours.getsockname()[1]}"
        alone = [str(each) for each in listeners([other.pid], alone=True)]

        assert at in alone
        assert listeners([other.pid], alone=False) == []
        other.communicate()


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert listeners([1 << 22], alone=True) == []
