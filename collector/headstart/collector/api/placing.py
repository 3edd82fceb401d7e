"""On which of the hosts that match a submission waits, and what keeps it waiting there."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headstart.v1.experiments_pb2 import HostState

_NAMED = 10


@dataclass(frozen=True)
class Placed:
    """`hosts` get a run each; any of `candidates` may take the one of the first."""

    hosts: list[str]
    candidates: list[str]
    # What the submitter should know, a sentence each.
    warnings: list[str]


def placed(
    matching: Sequence[str],
    known: Sequence[HostState],
    lacking: Callable[[str], str],
    now: float,
    *,
    any_host: bool,
) -> Placed:
    """`lacking` says why a host's agent cannot run the experiment, as far as is known."""
    states = {state.host.host: state for state in known}
    hosts = [states[name] for name in matching]
    if not any_host:
        found = [words for state in hosts if (words := _warning(state, lacking, now))]
        return Placed(list(matching), [], _few(found))
    able = [state for state in hosts if not lacking(state.host.host)] or hosts[:1]
    first = min(able, key=_distance)
    candidates = [state.host.host for state in able] if len(able) > 1 else []
    warnings = [_warning(state, lacking, now) for state in able]
    # One that takes it is enough.
    return Placed([first.host.host], candidates, _few(warnings) if all(warnings) else [])


def _distance(state: HostState) -> tuple[bool, bool, int, str]:
    """How far a host is from taking a run; what is free comes first."""
    away = not state.connected or bool(state.drained_time_seconds)
    return (
        away,
        bool(state.not_ready),
        state.queued_runs + bool(state.running_run_id),
        state.host.host,
    )


def _warning(state: HostState, lacking: Callable[[str], str], now: float) -> str:
    name = state.host.host
    if why := lacking(name):
        return f"{name}: {why}; as it is, the run fails there"
    if state.drained_time_seconds:
        reason = f" ({state.drain_reason})" if state.drain_reason else ""
        return f"{name} is drained{reason}: the run waits for `headstart host resume {name}`"
    if not state.connected:
        seen = time.strftime("%Y-%m-%d %H:%M", time.gmtime(state.last_seen_time_seconds))
        ago = max(0, int((now - state.last_seen_time_seconds) / 60))
        return f"{name} is not connected, last here {seen} UTC ({ago} min ago): the run waits"
    if state.not_ready:
        return f"{name} takes no runs now ({state.not_ready}): the run waits"
    return ""


def _few(warnings: list[str]) -> list[str]:
    if len(warnings) <= _NAMED:
        return warnings
    return [*warnings[:_NAMED], f"and {len(warnings) - _NAMED} hosts more"]
