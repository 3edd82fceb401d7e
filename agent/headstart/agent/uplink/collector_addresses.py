"""Where collectors are: one address, or several of which one at a time has the agents.

Each address has its own wait between tries. Which one is active nobody needs to know beforehand:
one that is down, frozen or stands by is left for the next, and is tried again in its turn.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

FIRST_BACKOFF_SECONDS = 0.2
_LONGEST_BACKOFF_SECONDS = 15.0
# With several, and where a balancer may stand before several: whoever takes over has to be found
# within seconds, by all agents. Of one address nobody says which that is, so it is tried like that
# for as long after it had the agent as a takeover may take, several times over.
_LONGEST_OF_SEVERAL_SECONDS = 3.0
_LATELY_SECONDS = 60.0
# A frozen process takes connections, as its kernel does, and shakes no hands.
_FIRST_PATIENCE_SECONDS = 3.0
_LONGEST_PATIENCE_SECONDS = 12.0
# A connection is given up when nothing came for both together. The collector allows no pings
# that come more often than each 5 s.
_ALONE_MS = 20_000, 10_000
_OF_SEVERAL_MS = 6_000, 3_000
# The second of them grows up to this where one record is longer on its way: a frozen collector is
# noticed within 15 s where there is another, and none bears an agent's silence for longer.
_LONGEST_ALONE_MS = 15_000
_LONGEST_OF_SEVERAL_MS = 9_000
_LONGEST_SLOWNESS = 3
# Where much is carried: the answer to a ping waits behind it, as long as a slow way needs. On the
# agent's stream it does not: see in_flight.py.
_BULK_TIMEOUT_MS = 60_000
# A collector of before, which stands alone, takes pings that come more often than each 5 min, and
# nothing between them, for abuse.
_ALONE_BULK_MS = 310_000


@dataclass
class _Address:
    target: str
    # Until its next try, if this one fails.
    backoff: float = FIRST_BACKOFF_SECONDS
    # How long it may take to shake hands. Grows: where a thousand agents come at once it takes
    # its time.
    patience: float = _FIRST_PATIENCE_SECONDS
    # How many times as long as usual the answer to a ping may take.
    slowness: int = 1
    not_before: float = 0.0
    # When it had the agent last.
    left: float = -math.inf


class Addresses:
    """Use from one thread; `current` may be read by any."""

    def __init__(self, targets: Sequence[str], now: Callable[[], float] = time.monotonic) -> None:
        """At least one, each "unix:PATH" or "host:port"."""
        self._all = [_Address(target) for target in dict.fromkeys(targets)]
        self._current = self._all[0]
        self._now = now

    @property
    def current(self) -> str:
        """The address that is attended or tried now."""
        return self._current.target

    @property
    def several(self) -> bool:
        """Whether there is another to go to."""
        return len(self._all) > 1

    @property
    def patience_seconds(self) -> float | None:
        """How long a connection to the current one may take; None: as long as gRPC gives it."""
        return self._current.patience if self.several else None

    @property
    def keepalive_options(self) -> list[tuple[str, int]]:
        """How soon a peer that went silent is known to be gone, as options of a channel.

        Keepalive alone notices it after 45 s and more; with ping_timeout set it takes time +
        timeout.
        """
        after, timeout = _OF_SEVERAL_MS if self.several else _ALONE_MS
        longest = _LONGEST_OF_SEVERAL_MS if self.several else _LONGEST_ALONE_MS
        return _keepalive(after, min(self._current.slowness * timeout, longest))

    @property
    def bulk_options(self) -> list[tuple[str, int]]:
        """The same for a channel that carries files and reports: later, but on slow ways too."""
        after = _OF_SEVERAL_MS[0] if self.several else _ALONE_BULK_MS
        return _keepalive(after, _BULK_TIMEOUT_MS)

    def good(self) -> None:
        """The current one had the agent for a while: if it fails, it is tried again at once."""
        self._current.backoff = FIRST_BACKOFF_SECONDS
        self._current.patience = _FIRST_PATIENCE_SECONDS

    def left(self) -> None:
        """The current one had the agent until now, however short that was."""
        self._current.left = self._now()

    def carried(self, anything: bool) -> None:
        """Whether the current one confirmed any of what it was sent.

        If not, it may be that one record is longer on its way than a ping is given: the next time
        it is given more.
        """
        slowness = 1 if anything else self._current.slowness + 1
        self._current.slowness = min(slowness, _LONGEST_SLOWNESS)

    def shook_no_hands(self) -> None:
        """The current one had its time; the next time it gets more."""
        self._current.patience = min(2 * self._current.patience, _LONGEST_PATIENCE_SECONDS)

    def again(self) -> float:
        """The current one is not at fault, and is tried again; in how many seconds."""
        wait = self._wait(self._current)
        self._grow(self._current)
        return wait

    def failed(self, at_least_seconds: float = 0.0) -> float:
        """The current one has failed: go to whichever may be tried first; in how many seconds.

        At least as many before this one is.
        """
        here = self._current
        here.not_before = self._now() + max(self._wait(here), at_least_seconds)
        self._grow(here)
        place = self._all.index(here)
        others_first = [*self._all[place + 1 :], *self._all[: place + 1]]
        self._current = min(others_first, key=lambda address: address.not_before)
        return max(0.0, self._current.not_before - self._now())

    def _wait(self, address: _Address) -> float:
        backoff = min(address.backoff, self._longest(address))
        return backoff * random.uniform(0.75, 1.25)  # noqa: S311  # spreads agents

    def _grow(self, address: _Address) -> None:
        address.backoff = min(address.backoff * 2, self._longest(address))

    def _longest(self, address: _Address) -> float:
        lately = self._now() - address.left < _LATELY_SECONDS
        return _LONGEST_OF_SEVERAL_SECONDS if self.several or lately else _LONGEST_BACKOFF_SECONDS


def _keepalive(after_ms: int, timeout_ms: int) -> list[tuple[str, int]]:
    return [
        ("grpc.keepalive_time_ms", after_ms),
        ("grpc.keepalive_timeout_ms", timeout_ms),
        ("grpc.http2.ping_timeout_ms", timeout_ms),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
