"""All addresses that "host:port" may mean to whoever dials it.

`localhost` is both loopback addresses, whatever /etc/hosts says: gRPC's resolver holds to
RFC 6761, and dials the one that getaddrinfo left out as well.
"""

import ipaddress
import socket
from typing import NamedTuple, TypeAlias

_Place: TypeAlias = tuple[str, int] | tuple[str, int, int, int]


class Resolved(NamedTuple):
    """One address of a name, as the functions of `socket` take it."""

    family: socket.AddressFamily
    place: _Place

    def at(self, port: int) -> "Resolved":
        """The same address with another port."""
        host, _, *scope = self.place
        return Resolved(self.family, (host, port, *scope))  # type: ignore[arg-type]  # as it was

    def __str__(self) -> str:
        host, port = self.place[:2]
        return f"[{host}]:{port}" if self.family == socket.AF_INET6 else f"{host}:{port}"


def resolve(host: str, port: int, flags: int = 0) -> list[Resolved]:
    """Each address once, in the order in which it would be dialled.

    `flags` are getaddrinfo's. IPv6 may be written in brackets. Raises OSError where nobody
    knows the name.
    """
    host = host.strip("[]")
    found = [
        Resolved(family, place)  # type: ignore[arg-type]  # of these families
        for family, _, _, _, place in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=flags
        )
        if family in (socket.AF_INET, socket.AF_INET6)
    ]
    if host == "localhost":
        found.append(Resolved(socket.AF_INET, ("127.0.0.1", port)))
        found.append(Resolved(socket.AF_INET6, ("::1", port, 0, 0)))
    return list(dict.fromkeys(found))


def is_ip(host: str) -> bool:
    """Whether it is an address, which nobody has to look up; IPv6 may stand in brackets."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
