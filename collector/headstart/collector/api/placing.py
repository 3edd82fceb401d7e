"""On which of the hosts that match a submission waits, and what keeps it waiting there."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from headstart.collector.fleet.allowed import Lacking
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
    lacking: Callable[[str], Lacking],
    now: float,
    *,
    any_host: bool,
) -> Placed:
    """`lacking` says what a host lacks for the experiment, as far as is known."""
    states = {state.host.host: state for state in known}
    hosts = [states[name] for name in matching]
    lacks = {name: lacking(name) for name in matching}
    warnings = {state.host.host: _warning(state, lacks[state.host.host], now) for state in hosts}
    if not any_host:
        return Placed(list(matching), [], _few([words for words in warnings.values() if words]))
    able = _able(hosts, lacks) or hosts[:1]
    first = min(able, key=_distance)
    candidates = [state.host.host for state in able] if len(able) > 1 else []
    told = [warnings[state.host.host] for state in able]
    # One that takes it is enough.
    return Placed([first.host.host], candidates, _few(told) if all(told) else [])


def _able(hosts: Sequence[HostState], lacks: Mapping[str, Lacking]) -> list[HostState]:
    """Those that may take it; one that leaves variants out only where no other is here."""
    whole = [state for state in hosts if not lacks[state.host.host].words]
    if not all(map(_is_away, whole)):
        return whole
    return [*whole, *(state for state in hosts if lacks[state.host.host].in_part)]


def _distance(state: HostState) -> tuple[bool, bool, int, str]:
    """How far a host is from taking a run; what is free comes first."""
    return (
        _is_away(state),
        bool(state.not_ready),
        state.queued_runs + bool(state.running_run_id),
        state.host.host,
    )


def _is_away(state: HostState) -> bool:
    return not state.connected or bool(state.drained_time_seconds)


def _warning(state: HostState, lacks: Lacking, now: float) -> str:
    found = [f"{state.host.host}: {lacks.words}"] if lacks.words else []
    if lacks.in_part or not found:
        found += _waits(state, now)
    return "; ".join(found)


def _waits(state: HostState, now: float) -> Iterator[str]:
    """Why a run waits there, if it would."""
    name = state.host.host
    if state.drained_time_seconds:
        reason = f" ({state.drain_reason})" if state.drain_reason else ""
        yield f"{name} is drained{reason}: the run waits for `headstart host resume {name}`"
    elif not state.connected:
        seen = time.strftime("%Y-%m-%d %H:%M", time.gmtime(state.last_seen_time_seconds))
        ago = max(0, int((now - state.last_seen_time_seconds) / 60))
        yield f"{name} is not connected, last here {seen} UTC ({ago} min ago): the run waits"
    elif state.not_ready:
        yield f"{name} takes no runs now ({state.not_ready}): the run waits"


def _few(warnings: list[str]) -> list[str]:
    if len(warnings) <= _NAMED:
        return warnings
    return [*warnings[:_NAMED], f"and {len(warnings) - _NAMED} hosts more"]
