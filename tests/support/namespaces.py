"""Machines of a test: network namespaces that reach each other by a bridge, and nothing else."""

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager


def inside(name: str) -> list[str]:
    """What begins a command that runs in a namespace."""
    return ["ip", "netns", "exec", name]


@contextmanager
def machines(hub: str, others: Sequence[str]) -> Iterator[dict[str, str]]:
    """A namespace for each name, with its address; all of them reach the hub. Gone at the end.

    Names are made the test session's own.
    """
    named = {name: f"hs{os.getpid()}-{name}" for name in (hub, *others)}
    with ExitStack() as undo:
        for name in named.values():
            _ip("netns", "add", name)
            undo.callback(_ip, "netns", "delete", name)
            _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", named[hub], "link", "add", "bridge", "type", "bridge")
        _ip("-n", named[hub], "address", "add", "10.213.0.1/24", "dev", "bridge")
        _ip("-n", named[hub], "link", "set", "bridge", "up")
        for number, name in enumerate(others, 2):
            port = f"to-{name}"
            _ip(
                *("-n", named[hub], "link", "add", port, "type", "veth"),
                *("peer", "name", "eth0", "netns", named[name]),
            )
            _ip("-n", named[hub], "link", "set", port, "master", "bridge", "up")
            _ip("-n", named[name], "address", "add", f"10.213.0.{number}/24", "dev", "eth0")
            _ip("-n", named[name], "link", "set", "eth0", "up")
        yield named


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
