"""The series of all hosts: what changes with each look is rendered each time, the rest is kept.

A thousand hosts are 15,000 series, and to render them takes a third of a second, in which whatever
else the collector does has half of the interpreter.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from headstart.collector.metrics.families import HOST_FAMILIES, Sample
from headstart.collector.metrics.fleet_samples import moving_samples, steady_samples
from headstart.collector.metrics.rendering import Fragment, Page, fragment_of, page_of
from headstart.v1.experiments_pb2 import HostState
from headstart.words.foreign.clean import label


@dataclass(frozen=True)
class _Kept:
    """The steady series of a host, and of what they were made."""

    state: bytes
    fragment: Fragment


class HostPage:
    """Use from one thread at a time."""

    def __init__(self, store: str, room: int) -> None:
        """`store` is the label of each series; there are `room` of them at most."""
        self._store = store
        self._room = room
        self._kept: dict[str, _Kept] = {}

    def of(self, hosts: Sequence[HostState]) -> Page:
        """Connected hosts first, then those heard of last, while there is room."""
        kept: dict[str, _Kept] = {}
        names: set[str] = set()
        moving: list[Sample] = []
        series = 0
        dropped: Counter[str] = Counter()
        for state in sorted(hosts, key=lambda h: (not h.connected, -h.last_seen_time_seconds)):
            name = state.host.host
            steady, moves = self._steady(state), list(moving_samples(state))
            size = steady.fragment.series + len(moves)
            if label(name) in names:
                # Two names that differ only in what a label cannot hold.
                dropped["duplicate"] += size
            elif series + size > self._room:
                dropped["cap"] += size
            else:
                names.add(label(name))
                kept[name] = steady
                moving += moves
                series += size
        self._kept = kept
        fragments = [fragment_of(self._store, HOST_FAMILIES, moving)]
        fragments += [each.fragment for each in kept.values()]
        return page_of(HOST_FAMILIES, fragments, dropped)

    def _steady(self, state: HostState) -> _Kept:
        still = HostState()
        still.CopyFrom(state)
        still.ClearField("last_seen_time_seconds")
        still.ClearField("spool_bytes")
        packed = still.SerializeToString(deterministic=True)
        known = self._kept.get(state.host.host)
        if known is not None and known.state == packed:
            return known
        fragment = fragment_of(self._store, HOST_FAMILIES, steady_samples(state))
        return _Kept(packed, fragment)
