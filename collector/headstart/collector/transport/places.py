"""TCP ports: every address of a name is listened on, or none.

gRPC is content with some of them and keeps quiet about the rest: whoever dials the name then
reaches a stranger at the address that was taken already.
"""

import errno
import logging
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager

from headstart.collector.faults import StartFault
from headstart.collector.transport.tls import ConfigurationError
from headstart.words.foreign.addresses import host_of
from headstart.words.foreign.resolved import Resolved, is_ip, resolve

log = logging.getLogger(__name__)

LARGEST_PORT = 65535
# Of the ports that the kernel offers at one address, how many may be taken at another.
_TRIES = 20
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def places_of(address: str) -> list[Resolved]:
    """The addresses of "host:port" that are this machine's, at least one.

    None is bound when this returns. Raises StartFault where one is taken, with which.
    """
    host, port = host_of(address), address.rpartition(":")[2]
    if not port.isdecimal() or int(port) > LARGEST_PORT:
        raise ConfigurationError(f"{address} cannot be listened on: expected host:port")
    try:
        found = resolve(host, int(port), socket.AI_PASSIVE)
    except OSError as error:
        raise StartFault(f"{address} cannot be listened on: {error.strerror or error}") from error
    here = []
    for each in found:
        try:
            _bound(each).close()
        except OSError as error:
            if error.errno not in _NOT_HERE:
                raise fault_of(address, each, error) from error
            if host != "localhost":
                log.warning("%s: %s is no address of this machine", address, each.place[0])
            continue
        here.append(each)
    if not here:
        raise StartFault(f"{address} cannot be listened on: it is no address of this machine")
    return here


def bind(address: str, add: Callable[[str], int]) -> int:
    """Have a server listen on "host:port", by its `add` of one address; the port.

    Port 0 is a port that is free at all addresses. Raises StartFault.
    """
    places = places_of(address)
    if is_ip(host_of(address)):
        # gRPC itself takes a wildcard for both families.
        return _added(address, address, add)
    with one_port(address, places) as port:
        for each in places:
            _added(address, str(each.at(port)), add)
    return port


@contextmanager
def one_port(
    address: str, places: list[Resolved], offers: Iterable[int] = (0,) * _TRIES
) -> Iterator[int]:
    """A port of all places, kept from those who look for a free one until this ends.

    The place's own port, or where that is 0 the first of `offers` that is free at all of
    them; an offer of 0 is whatever the kernel gives. Raises StartFault.
    """
    if port := places[0].place[1]:
        yield port
        return
    for offer in offers:
        with ExitStack() as held:
            try:
                first = held.enter_context(closing(_bound(places[0].at(offer))))
                port = first.getsockname()[1]
                for each in places[1:]:
                    held.enter_context(closing(_bound(each.at(port))))
            except OSError:
                continue
            # As none of these listens, whoever sets SO_REUSEADDR can bind beside them: gRPC.
            yield port
            return
    raise StartFault(f"{address} cannot be listened on: no port is free at all its addresses")


def taken(address: str, where: str = "") -> StartFault:
    """Something listens there already; `where` tells which address of a name."""
    among = f"{where} is taken, " if where and where != address else ""
    return StartFault(f"{address} cannot be listened on: {among}is another collector there?")


def _added(address: str, where: str, add: Callable[[str], int]) -> int:
    try:
        return add(where)
    except RuntimeError as error:
        # gRPC has one error for all.
        raise taken(address, where) from error


def _bound(each: Resolved) -> socket.socket:
    """A socket there that does not listen. Raises OSError."""
    found = socket.socket(each.family, socket.SOCK_STREAM)
    try:
        # As gRPC and asyncio do: connections of an earlier life may be in TIME_WAIT.
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if each.family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind(each.place)
    except BaseException:
        found.close()
        raise
    return found


def fault_of(address: str, each: Resolved, error: OSError) -> StartFault:
    """Why one address of a name could not be bound."""
    if error.errno == errno.EADDRINUSE:
        return taken(address, str(each))
    return StartFault(f"{address} cannot be listened on: {each}: {error.strerror}")
