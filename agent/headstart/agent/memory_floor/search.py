"""Where the limit lies below which a variant does not serve: a bisection that noise cannot bend.

What died for want of memory dies again; a throughput that collapsed or an answer that
came too late may have been the host's doing, so two probes must agree on it. A limit
counts as serving only when it served twice. The number of probes is bounded whatever
they say.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from headstart.v1.records_pb2 import FailureCode, MemoryFloor, MemoryFloorStep

# A Docker Engine refuses a container with less.
SMALLEST_BYTES = 6 << 20
# Bracketing takes about 10 for a server of some hundred MiB, confirming 1 or 2.
MAXIMUM_PROBES = 30
# The bracket need not be narrower than this part of the limit.
RESOLUTION_SHARE = 0.02
_PAGE_BYTES = 4096
# The first upper bound is this many times what the reference probes used.
_HEADROOM = 2
_CONFIRMATIONS = 2
_REFERENCES = 2
# Believed at once; any other failure could have come from the host.
_CERTAIN = (
    FailureCode.FAILURE_CODE_OUT_OF_MEMORY,
    FailureCode.FAILURE_CODE_DOES_NOT_START,
    FailureCode.FAILURE_CODE_DIED,
)


class CannotProbe(Exception):
    """Probing is over, and the limit is not to blame; the message says what is."""


class Probe(Protocol):
    """Starts a fresh instance within a limit (0: the plan's own), loads it, and judges."""

    def __call__(self, limit_bytes: int) -> MemoryFloorStep:
        """CannotProbe when nothing is learnt of the limit."""


@dataclass(frozen=True)
class Settings:
    """How a floor is searched. `over`: why no further probe may begin; empty: it may."""

    resolution_bytes: int
    # Of the plan; 0: none, or the policy's.
    ceiling_bytes: int
    over: Callable[[], str]


def find_floor(variant: str, probe: Probe, settings: Settings) -> MemoryFloor:
    """Search one variant's floor; never raises for what a probe met."""
    began = time.monotonic()
    search = _Search(probe, settings)
    floor = MemoryFloor(variant=variant, resolution_bytes=settings.resolution_bytes)
    try:
        search.run()
    except CannotProbe as error:
        floor.reason = str(error)
    search.fill(floor)
    floor.duration_seconds = time.monotonic() - began
    return floor


class _Search:
    def __init__(self, probe: Probe, settings: Settings) -> None:
        self._probe = probe
        self._settings = settings
        self._steps: list[MemoryFloorStep] = []
        self._served: Counter[int] = Counter()
        # Largest limit at which it did not serve; 0: none.
        self._fails = 0
        # A limit served and then did not: from then on each is asked twice at once.
        self._wary = False

    def run(self) -> None:
        """Bracket, then narrow until the lower end of what serves is known and confirmed."""
        used = 0
        for _ in range(_REFERENCES):
            step = self._once(0)
            if not step.serves:
                raise CannotProbe(f"it does not serve without a tight limit either: {step.reason}")
            used = max(used, step.cgroup_peak_bytes, step.rss_peak_bytes)
        self._bracket(_HEADROOM * used)
        while True:
            if not self._above():
                # The largest that had served did so only once.
                self._bracket(_HEADROOM * self._fails)
            serves = min(self._above())
            if serves - self._below() > self._resolution(serves):
                self._decide(self._between(serves))
            elif self._served[serves] >= _CONFIRMATIONS:
                return
            else:
                self._decide(serves)

    def fill(self, floor: MemoryFloor) -> None:
        """What is known, also of a search that was ended early."""
        floor.steps.extend(self._steps)
        references = [step for step in self._steps if not step.limit_bytes and step.serves]
        if references:
            floor.reference_throughput_per_second = min(
                step.throughput_per_second for step in references
            )
        serving = [limit for limit in self._above() if self._served[limit] >= _CONFIRMATIONS]
        if serving:
            floor.serves_bytes = min(serving)
            floor.fails_bytes = self._fails

    def _bracket(self, limit: int) -> None:
        """Find a limit that serves: this one, doubled while it does not, up to the plan's."""
        ceiling = self._settings.ceiling_bytes
        limit = max(_pages(limit), SMALLEST_BYTES)
        while not ceiling or limit < ceiling:
            if self._decide(limit):
                return
            limit *= 2
        # The reference probes were at this limit.
        self._served[ceiling] += 1
        if ceiling <= self._fails:
            raise CannotProbe("at the plan's limit it served once and then not again")

    def _decide(self, limit: int) -> bool:
        """Whether it serves at a limit: by one probe or, where noise may speak, by two or three."""
        step = self._once(limit)
        if not step.serves and step.failure == FailureCode.FAILURE_CODE_ENGINE:
            # Too little memory for the engine's own start, or an engine in trouble?
            control = self._once(0)
            if not control.serves:
                raise CannotProbe(control.reason)
        elif not step.serves and step.failure not in _CERTAIN:
            again = self._once(limit)
            step = self._once(limit) if again.serves else again
        elif step.serves and self._wary and self._served[limit] < _CONFIRMATIONS:
            step = self._once(limit)
        if not step.serves:
            self._wary = self._wary or self._served[limit] > 0
            self._fails = max(self._fails, limit)
        return step.serves

    def _once(self, limit: int) -> MemoryFloorStep:
        if len(self._steps) >= MAXIMUM_PROBES:
            raise CannotProbe(f"{MAXIMUM_PROBES} probes did not decide it")
        if reason := self._settings.over():
            raise CannotProbe(reason)
        step = self._probe(limit)
        self._steps.append(step)
        if step.serves and limit:
            self._served[limit] += 1
        return step

    def _above(self) -> list[int]:
        """Limits that served, at which or above which none failed."""
        return [limit for limit in self._served if limit > self._fails]

    def _below(self) -> int:
        """The lower end of the bracket: what failed, or what is too small to be tried."""
        untried = SMALLEST_BYTES - min(self._settings.resolution_bytes, SMALLEST_BYTES // 2)
        return max(self._fails, untried)

    def _between(self, serves: int) -> int:
        """The geometric middle, since the resolution is a ratio where it is not a MiB."""
        return max(_pages(math.isqrt(serves * self._below())), SMALLEST_BYTES)

    def _resolution(self, serves: int) -> int:
        return max(self._settings.resolution_bytes, round(RESOLUTION_SHARE * serves))


def _pages(size: int) -> int:
    """Rounded up: the kernel counts in pages."""
    return -(-size // _PAGE_BYTES) * _PAGE_BYTES
