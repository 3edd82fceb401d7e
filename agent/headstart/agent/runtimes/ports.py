"""Which ports are in use: of this host, and in a network of an app's own."""

import errno
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import psutil

from headstart.agent.instances import RuntimeFault
from headstart.v1.records_pb2 import FailureCode


def require_free_port(port: int) -> None:
    """RuntimeFault(PORT_IN_USE), naming the process that has it, unless an app could listen.

    Without this an app that cannot bind is measured as one that does not
    start, or worse: the prober gets its correct response from a stranger.
    """
    if all(_can_bind(family, address, port) for family, address in _ANYWHERE):
        return
    holder = port_holder(port)
    by = f" by {holder}" if holder else "; by whom cannot be seen (another user's process?)"
    raise RuntimeFault(
        FailureCode.FAILURE_CODE_PORT_IN_USE,
        f"port {port} of this host is in use{by}; stop it, or choose another service.port",
    )


_ANYWHERE = ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"))  # noqa: S104  # as apps do


def _can_bind(family: socket.AddressFamily, address: str, port: int) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # A port in TIME_WAIT from the trial before is free for a server.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
    except OSError as error:
        # Anything else (no IPv6, a port below 1024) says nothing about a listener.
        return error.errno != errno.EADDRINUSE
    return True


def port_holder(port: int) -> str | None:
    """ "nginx (pid 812)" or None when the owner of a TCP port cannot be seen."""
    for connection in psutil.net_connections(kind="tcp"):
        if connection.laddr and connection.laddr.port == port and connection.pid is not None:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return None


_LISTENS = "0A"
# The table is as long as the app likes; a listener is among its first lines.
_TABLE_BYTES = 1 << 18


def listeners(pid: int) -> list[str]:
    """Where TCP is listened in the network of a process: "127.0.0.1:80"; empty: unknown."""
    found: list[str] = []
    for table in ("tcp", "tcp6"):
        try:
            with Path(f"/proc/{pid}/net/{table}").open() as file:
                found += parse_listeners(file.read(_TABLE_BYTES))
        except OSError:
            continue
    return sorted(set(found))


def parse_listeners(text: str) -> Iterator[str]:
    """Those of /proc/net/tcp or tcp6: addresses are words of 32 bits, each in the host's order."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 4 or fields[3] != _LISTENS:
            continue
        digits, port = fields[1].split(":")
        words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
        packed = struct.pack(f"={len(words)}I", *words)
        if len(words) == 1:
            yield f"{socket.inet_ntop(socket.AF_INET, packed)}:{int(port, 16)}"
        else:
            yield f"[{socket.inet_ntop(socket.AF_INET6, packed)}]:{int(port, 16)}"
