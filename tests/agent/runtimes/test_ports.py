"""Where an app listens, from the kernel's tables."""

import os
import socket

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
    assert list(parse_listeners(f"{_HEAD}{line}\n")) == where


def test_ones_own_listeners_are_found() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as six,
    ):
        ports = [server.getsockname()[1] for server in (four, six)]
        found = listeners(os.getpid())

    assert {f"127.0.0.1:{ports[0]}", f"[::1]:{ports[1]}"} <= set(found)


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    assert listeners(1 << 22) == []
