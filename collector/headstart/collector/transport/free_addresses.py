"""Whether a collector could listen, asked before it changes its store.

What is bound here is closed again, since gRPC binds by itself; who takes an address in between is
found then.
"""

import socket
from contextlib import closing

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.transport.listening import refuse_living, taken
from headstart.collector.transport.tls import ConfigurationError
from headstart.words.foreign.addresses import host_of, socket_path, unix_address


def check_free(config: CollectorConfig) -> None:
    """Raises StartFault where something listens already, or an address is not this machine's."""
    for address in config.addresses:
        if (path := socket_path(address)) is None:
            _check_tcp(address)
            continue
        try:
            unix_address(path)
            refuse_living(path)
        except ValueError as error:
            raise ConfigurationError(f"{error}: choose another with --listen unix:PATH") from None
        except OSError as error:
            raise StartFault(f"{path} cannot be listened on: {error}") from error
    for more in (config.metrics_listen, config.identity.enroll_listen):
        if more is not None:
            _check_tcp(more)


def _check_tcp(address: str) -> None:
    port = address.rpartition(":")[2]
    try:
        found = socket.getaddrinfo(
            host_of(address).strip("[]") or None,
            int(port),
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )
    except (OSError, ValueError, OverflowError):
        # A name that nobody knows, as gRPC and asyncio say in their words.
        return
    faults = [_bound(family, place) for family, _, _, _, place in found]
    if all(faults):
        raise taken(address)


def _bound(family: int, place: object) -> str:
    """Why a place cannot be listened on; empty: it can."""
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
            # As gRPC and asyncio do: connections of an earlier life may be in TIME_WAIT.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(place)  # type: ignore[arg-type]  # as getaddrinfo gave it
    except OSError as error:
        return str(error)
    return ""
