"""Which ports are in use: of this host, and in a network of an app's own."""

import errno
import itertools
import os
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from headstart.agent.instances import InstanceSpec, RuntimeFault
from headstart.v1.records_pb2 import FailureCode


def require_free_port(port: int, key: str = "service.port") -> None:
    """RuntimeFault(PORT_IN_USE), naming the process that has it, unless an app could listen.

    Without this an app that cannot bind is measured as one that does not
    start, or worse: the prober gets its correct response from a stranger.
    `key`: where the experiment file states the port.
    """
    if all(_can_bind(family, address, port) for family, address in _ANYWHERE):
        return
    holder = port_holder(port)
    by = f" by {holder}" if holder else "; by whom cannot be seen (another user's process?)"
    raise RuntimeFault(
        FailureCode.FAILURE_CODE_PORT_IN_USE,
        f"port {port} of this host is in use{by}; stop it, or choose another {key}",
    )


def require_free_ports(spec: InstanceSpec) -> None:
    """The same of every port at which the app is asked."""
    if spec.port:
        require_free_port(spec.port)
    for port, key in spec.own_ports.items():
        require_free_port(port, key)


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


@dataclass(frozen=True, order=True)
class Listener:
    """Where somebody listens: TCP, or (port 0) a socket in the file system."""

    port: int
    # An IP address without brackets, or a path; "@name" is of Linux's abstract ones.
    address: str
    inode: int = 0

    def __str__(self) -> str:
        if not self.port:
            return f"the unix socket {self.address}"
        return (
            f"[{self.address}]:{self.port}"
            if ":" in self.address
            else f"{self.address}:{self.port}"
        )


_LISTENS = "0A"
# Of a unix socket: __SO_ACCEPTCON of the kernel's net.h.
_ACCEPTS = "00010000"
# The table is as long as the app likes; a listener is among its first lines.
_TABLE_BYTES = 1 << 18
# How many open files are looked at: an app may have a million.
_FILES = 20_000


def listeners(pids: Collection[int], alone: bool) -> list[Listener]:
    """Where these processes listen; empty: nowhere, or it cannot be seen.

    `alone`: their network is theirs, so that who else listens there is one of them too.
    """
    first = next(iter(pids), 0)
    own = _sockets(pids)
    found = [each for table in ("tcp", "tcp6") for each in parse_listeners(_table(first, table))]
    return sorted(
        {
            *(each for each in found if alone or each.inode in own),
            *(each for each in parse_unix(_table(first, "unix")) if each.inode in own),
        }
    )


def parse_listeners(text: str) -> Iterator[Listener]:
    """Those of /proc/net/tcp or tcp6: addresses are words of 32 bits, each in the host's order."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 4 or fields[3] != _LISTENS:
            continue
        digits, port = fields[1].split(":")
        words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
        packed = struct.pack(f"={len(words)}I", *words)
        family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
        inode = int(fields[9]) if len(fields) > 9 else 0
        yield Listener(int(port, 16), socket.inet_ntop(family, packed), inode)


def parse_unix(text: str) -> Iterator[Listener]:
    """Those of /proc/net/unix that listen and have a name."""
    for line in text.splitlines()[1:]:
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[3] == _ACCEPTS and fields[6].isdecimal():
            yield Listener(0, fields[7], int(fields[6]))


def _table(pid: int, name: str) -> str:
    with suppress(OSError), Path(f"/proc/{pid}/net/{name}").open(errors="replace") as file:
        return file.read(_TABLE_BYTES)
    return ""


def _sockets(pids: Collection[int]) -> set[int]:
    """Inodes of the sockets that these processes have open, as far as that may be read."""
    found = set()
    for path in itertools.islice(itertools.chain.from_iterable(map(_files, pids)), _FILES):
        with suppress(OSError):
            link = os.readlink(path)  # noqa: PTH115  # a Path for each of thousands
            if link.startswith("socket:["):
                found.add(int(link[8:-1]))
    return found


def _files(pid: int) -> Iterator[str]:
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            yield entry.path
