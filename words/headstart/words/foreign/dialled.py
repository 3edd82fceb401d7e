"""What stands behind --collector: an address as gRPC's resolvers take it, and why one is none.

Beside "host:port" and "unix:PATH" gRPC knows names with a scheme before them. Let through is what
it dials as one place, with or without TLS; more places are more options.
"""

import ipaddress
import re
from contextlib import suppress

from headstart.words.foreign.addresses import GRPC_SCHEME, fits, socket_path

_PLACE = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]+):(?P<port>[0-9]{1,5})")
# What gRPC's resolver takes for a name.
_NAME = re.compile(r"[0-9A-Za-z._-]{1,253}")
# A link-local address means nothing without the interface at which it is.
_IPV6 = re.compile(r"\[(?P<address>[0-9A-Fa-f:.]+)(?P<zone>%[0-9A-Za-z._-]+)?\]")


def why_not_dialled(target: str) -> str:
    """As a clause; empty: gRPC can dial it."""
    if target.startswith("unix:"):
        return _why_no_socket(target)
    found = GRPC_SCHEME.fullmatch(target)
    if found is None:
        return _why_no_place(target)
    scheme, server = found["scheme"].lower(), found["server"]
    if (server and (scheme != "dns" or not _is_place(server, {4, 6}))) or not _is_place(
        found["rest"], {"dns": {0, 4, 6}, "ipv4": {4}, "ipv6": {6}}[scheme]
    ):
        return (
            f"expected one address, dns:HOST:PORT, ipv4:ADDRESS:PORT or ipv6:[ADDRESS]:PORT, "
            f"found {target!r}"
        )
    return ""


def _why_no_socket(target: str) -> str:
    path = target.removeprefix("unix:")
    if not path.strip("/") or (path.startswith("//") and not path.startswith("///")):
        return f"expected unix:PATH, found {target!r}"
    socket = socket_path(target)
    if socket is not None and not fits(socket):
        return f"{target} is too long for the path of a socket"
    return ""


def _why_no_place(target: str) -> str:
    if _is_place(target, {0, 4, 6}):
        return ""
    if not target.isascii():
        with suppress(UnicodeError):
            # As DNS has it; gRPC sends names as they are.
            written = target.encode("idna").decode()
            if _is_place(written, {0}):
                return f"a name in other letters than ASCII is written {written}, found {target!r}"
    return f"expected HOST:PORT, [IPV6]:PORT or unix:PATH, found {target!r}"


def _is_place(text: str, versions: set[int]) -> bool:
    """Whether it is "host:port" with an address of these versions of IP; 0: with a name."""
    found = _PLACE.fullmatch(text)
    return (
        found is not None
        and 0 < int(found["port"]) <= 65535
        and _version_of(found["host"]) in versions
    )


def _version_of(host: str) -> int | None:
    bracketed = _IPV6.fullmatch(host)
    with suppress(ValueError):
        if bracketed is not None:
            ipaddress.IPv6Address(bracketed["address"])
            return 6
        if _NAME.fullmatch(host) is None:
            return None
        ipaddress.IPv4Address(host)
        return 4
    return 0 if bracketed is None else None
