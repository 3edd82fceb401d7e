"""The /etc/hosts of a container that is to know names of its own.

An engine's own way (`--add-host`) is refused for a container in another one's network, so that
the file is written here and bound over the engine's.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from headstart.words.container_needs import HOSTS_FILE

# As an engine writes them where a network is not the host's (tried on 20.10).
_OF_AN_ENGINE = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost", "ip6-localhost", "ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("ff00::0", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)
# Lists that block advertisements have megabytes; what is beyond is left out.
_MOST_BYTES = 256 << 10


def write_hosts(path: Path, hosts: Mapping[str, str], network: str) -> None:
    """Write the file for these names and their addresses; every user may read it.

    In the host's network a container knows the host's names too, as an engine has it; one that
    is stated here has the address that is stated, and no other.
    """
    known = _of_this_host() if network == "host" else _OF_AN_ENGINE
    lines = [*_without(hosts, known), *((address, name) for name, address in hosts.items())]
    path.write_text("".join(f"{line[0]}\t{' '.join(line[1:])}\n" for line in lines))
    path.chmod(0o644)


def _without(hosts: Mapping[str, str], lines: Sequence[Sequence[str]]) -> Iterator[Sequence[str]]:
    """A resolver may take the first address of a name, or all."""
    for address, *names in lines:
        if left := [name for name in names if name.lower() not in hosts]:
            yield (address, *left)


def _of_this_host() -> Sequence[Sequence[str]]:
    with suppress(OSError), Path(HOSTS_FILE).open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "surrogateescape")
        stated = (line.partition("#")[0].split() for line in text.splitlines())
        return [fields for fields in stated if len(fields) > 1]
    return _OF_AN_ENGINE
