"""What a variant may ask of its container beyond its image: the forms and bounds of each key.

The collector holds an experiment file against them, and an agent holds what its collector
sends against the same.
"""

from contextlib import suppress
from ipaddress import ip_address

# A folder that a container may be given: absolute and plain, none of the kernel's nor the gate's.
FOLDER_PATTERN = (
    r"(?!/(?:proc|sys|dev|\.headstart)(?:/|$))(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x20\x7f:,]+)+"
)
LONGEST_FOLDER = 512
# A folder or file of the host that a container may be lent; what a policy's pattern ends with
# (":rw") is no part of one.
HOST_PATH_PATTERN = r"(?:/(?!\.{1,2}(?:/|$))[^/\x00-\x1f\x7f:]+)+"
LONGEST_HOST_PATH = 1024
# What an engine binds into every container. In a folder of the host it would make these.
FILES_OF_AN_ENGINE = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")
# As a Dockerfile's USER: a name or a number, perhaps with a group.
USER_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?"
MOST_FOLDERS = 16
SMALLEST_TMPFS = "64KiB"
LARGEST_TMPFS = "64GiB"
SMALLEST_TMPFS_BYTES = 64 << 10
LARGEST_TMPFS_BYTES = 64 << 30
# Limits of resources that a container may be given (getrlimit(2)). Not among them: core, which
# stays 0, and nice, rtprio and rttime, which would give it more of a CPU than others.
ULIMITS = ("fsize", "memlock", "msgqueue", "nofile", "nproc", "sigpending", "stack")
LARGEST_ULIMIT = 1 << 40
# Capabilities that a container may be given: those that Docker gives to every one
# (capabilities(7)). In the host's network those of NET_ hold for the host.
CAPABILITIES = (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD",
    "NET_BIND_SERVICE", "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
)  # fmt: skip
# Names that a container is to resolve (RFC 1123, section 2.1), in small letters: resolvers do not
# look at the case. Not among them: what is read as an address, and the engine's own names of the
# loopback.
HOST_NAME_PATTERN = (
    r"(?!(?:.*\.)?(?:localhost|[0-9]+)$)(?!ip6-(?:localhost|loopback)$)"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*"
)
LONGEST_HOST_NAME = 253
MOST_HOSTS = 64
LONGEST_ADDRESS = 45
# Where these names are kept in a container.
HOSTS_FILE = "/etc/hosts"


def is_address(text: str) -> bool:
    """Whether it is a literal of IPv4 or IPv6, without a zone."""
    if len(text) <= LONGEST_ADDRESS and "%" not in text:
        with suppress(ValueError):
            return bool(ip_address(text))
    return False
