"""Whether a port of this host is free for the app, and who has it when it is not."""

import errno
import socket

import psutil

from headstart.agent.runtime import RuntimeFault
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
