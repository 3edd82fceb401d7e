"""Ports for what a test starts later on."""

import itertools
import random
import socket

# Below those that Linux gives to whoever dials or asks for any port: it may be seconds until
# an app listens, and other tests run beside.
_FIRST, _LAST = 12_000, 32_000
_offers = itertools.count(random.SystemRandom().randrange(_LAST - _FIRST))


def free_port() -> int:
    """A TCP port that nobody has, and that this process is not given again."""
    for offer in _offers:
        port = _FIRST + offer % (_LAST - _FIRST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("unreachable: offers have no end")
