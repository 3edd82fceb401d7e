"""Phases in which the agent stood still, as flags: what lies in them was read late.

A stopped process, a host that slept or a thread that hung has the same effect: phases are
longer than planned, their memory is read later than planned, and peaks go unseen.
"""

from collections.abc import Iterator, Mapping

from headstart.v1.records_pb2 import Flag, FlagEffect, Phase
from headstart.words.flags import FlagCode

# A host with other work makes an agent late by tenths of a second.
STILL_SECONDS = 2.0

_WORDS = {
    Phase.PHASE_STARTUP: "while the app started",
    Phase.PHASE_IDLE: "while the app was idle",
    Phase.PHASE_LOAD: "under load",
    Phase.PHASE_SETTLED: "while the app settled",
}


class Lateness:
    """By how much phases took longer than they were to, at most; in seconds."""

    def __init__(self) -> None:
        self.seconds: dict[Phase.ValueType, float] = {}

    def note(self, phase: Phase.ValueType, due_ns: int, came_ns: int) -> None:
        """Something in a phase came at another time than it was due; CLOCK_MONOTONIC."""
        self.seconds[phase] = max(self.seconds.get(phase, 0.0), (came_ns - due_ns) / 1e9)


def still_flags(
    gaps: Mapping[Phase.ValueType, float],
    late: Mapping[Phase.ValueType, float],
    interval_seconds: float,
) -> Iterator[Flag]:
    """From the longest times without a sample, and by how much phases were late."""
    limit = STILL_SECONDS + interval_seconds
    for phase, words in _WORDS.items():
        seconds = max(gaps.get(phase, 0.0), late.get(phase, 0.0))
        if seconds <= limit:
            continue
        loaded = phase == Phase.PHASE_LOAD
        yield Flag(
            code=FlagCode.AGENT_STOOD_STILL,
            effect=FlagEffect.FLAG_EFFECT_LOAD_INVALID
            if loaded
            else FlagEffect.FLAG_EFFECT_PHASE_INVALID,
            phase=phase,
            text=f"the agent stood still for {seconds:.1f} s {words}: what was to be read then"
            " was read late",
            value=seconds,
            limit=limit,
        )
