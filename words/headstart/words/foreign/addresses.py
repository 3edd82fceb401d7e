"""Addresses of a collector, as it listens on them and as others dial them.

"unix:PATH" is a socket that the folder's mode guards; "host:port" is TCP.
"""

import ipaddress
import re
from pathlib import Path

# sockaddr_un holds 108 bytes with the zero at the end; see unix(7).
LONGEST_SOCKET_PATH_BYTES = 107
_UNIX = "unix:"
_HOST_AND_PORT = re.compile(r"(?:[0-9A-Za-z._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):\d{1,5}", re.ASCII)
# What gRPC dials as well; "dns://SERVER/HOST:PORT" asks this server for the name.
GRPC_SCHEME = re.compile(
    r"(?P<scheme>dns|ipv4|ipv6):(?://(?P<server>[^/]*)/|/)?(?P<rest>.*)", re.IGNORECASE
)
# The proxy to a collector on another machine; those that other programs use are not asked.
PROXY_VARIABLE = "HEADSTART_PROXY"
_PROXY = re.compile(r"http://[^/@\s]+:\d{1,5}/?")


def is_host_and_port(text: str) -> bool:
    """Whether it is "host:port" of a machine, which can be dialled."""
    port = text.rpartition(":")[2]
    return _HOST_AND_PORT.fullmatch(text) is not None and 0 < int(port) <= 65535


def socket_path(address: str) -> Path | None:
    """The absolute path of a "unix:PATH" address; None for any other."""
    if not address.startswith(_UNIX):
        return None
    path = address.removeprefix(_UNIX)
    # gRPC's other spelling, "unix:///run/x".
    return Path(path.removeprefix("//") if path.startswith("///") else path).absolute()


def unix_address(path: Path) -> str:
    """The address of a socket. Raises ValueError when no socket can have so long a path."""
    absolute = path.absolute()
    if not fits(absolute):
        raise ValueError(
            f"{absolute} is too long for the path of a socket: "
            f"{len(str(absolute).encode())} bytes, at most {LONGEST_SOCKET_PATH_BYTES} are allowed"
        )
    return f"{_UNIX}{absolute}"


def fits(path: Path) -> bool:
    """Whether a socket can have this path."""
    return len(str(path.absolute()).encode()) <= LONGEST_SOCKET_PATH_BYTES


def is_loopback(address: str) -> bool:
    """Whether "host:port" is reached from this machine only.

    Not only by its owner: whatever runs here reaches it, containers in the host's
    network among it.
    """
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_scheme(target: str) -> str:
    """Its "host:port", of an address with gRPC's scheme before it; others as they are."""
    found = GRPC_SCHEME.fullmatch(target)
    return found["rest"] if found is not None else target


def channel_options(address: str, proxy: str = "") -> list[tuple[str, int | str]]:
    """Options of every gRPC channel: no proxy of the environment is asked, but one of our own.

    What is on this machine is never asked for there. A proxy is "http://HOST:PORT".
    """
    local = socket_path(address) is not None or is_loopback(without_scheme(address))
    if local or not proxy:
        return [("grpc.enable_http_proxy", 0)]
    return [("grpc.http_proxy", proxy)]


def is_proxy(text: str) -> bool:
    """Whether it is "http://HOST:PORT"."""
    return _PROXY.fullmatch(text) is not None


def host_of(address: str) -> str:
    """The host of "host:port", or of a host alone; of IPv6 with its brackets."""
    host, separator, port = address.rpartition(":")
    if not separator or not (port.isdecimal() or not port) or host.endswith(":"):
        return address
    return address if ":" in host and not host.endswith("]") else host


def is_wildcard(host: str) -> bool:
    """Whether listening there means every address of the machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return not host or host == "*"
