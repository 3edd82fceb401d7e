"""A host in a line, and in some more."""

import time
from collections.abc import Iterator

from headstart.cli.plan_words import span
from headstart.v1.experiments_pb2 import HostState


def host_line(state: HostState) -> str:
    """`perf1: connected, drained (new disk), AMD EPYC 7543, pool=perf, runs 20260101-...`."""
    labels = ",".join(f"{k}={v}" for k, v in sorted(state.host.labels.items())) or "no labels"
    parts = [
        presence(state),
        *takes_none(state),
        state.host.cpu.model or "unknown CPU",
        labels,
    ]
    if state.lacking_features:
        parts.append("an older agent (`headstart host show` says what it lacks)")
    if state.running_run_id:
        parts.append(f"runs {state.running_run_id}")
    if state.queued_runs:
        parts.append(f"{state.queued_runs} wait{'s' if state.queued_runs == 1 else ''}")
    return f"{state.host.host}: {', '.join(parts)}"


def presence(state: HostState) -> str:
    """Whether its agent is here, or when it was."""
    ago = max(0.0, time.time() - state.last_seen_time_seconds)
    return "connected" if state.connected else f"last seen {ago:.0f} s ago"


def takes_none(state: HostState) -> Iterator[str]:
    """Why it is given no run, beside its absence."""
    if state.drained_time_seconds:
        yield f"drained ({state.drain_reason})" if state.drain_reason else "drained"
    if state.refused_twin_time_seconds:
        yield "another agent asks to attend as this host and is refused: is its machine a copy?"
    if state.not_ready:
        yield f"takes no runs: {state.not_ready}"


def host_facts(state: HostState) -> Iterator[tuple[str, str]]:
    """What `headstart host show` has, each with its name."""
    host = state.host
    yield "state", ", ".join([presence(state), *takes_none(state)])
    if state.drained_time_seconds:
        yield "drained for", span(max(0.0, time.time() - state.drained_time_seconds))
    yield "runs now", state.running_run_id or "nothing"
    yield "waiting runs", str(state.queued_runs)
    yield "stored runs", str(state.stored_runs)
    yield "labels", ", ".join(f"{k}={v}" for k, v in sorted(host.labels.items())) or "none"
    yield "cpu", host.cpu.model or "unknown"
    yield "kernel", host.kernel
    yield "system", host.operating_system
    yield "engine", f"{host.engine.name} {host.engine.version}".strip() or "none"
    yield "agent", host.agent_version
    if state.lacking_features:
        yield "older agent", f"cannot do {', '.join(state.lacking_features)}: update it"
    yield "fingerprint", host.fingerprint
    yield "spool", f"{state.spool_bytes} bytes wait on its disk"
