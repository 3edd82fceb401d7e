"""How an open shift and the state of a host become samples. Pure: no cache, no HTTP."""

from collections.abc import Iterator

from headstart.collector.metrics.families import Sample
from headstart.v1.experiments_pb2 import Confirmation, HostState, Shift
from headstart.v1.host_pb2 import AdviceLevel
from headstart.words.enums import word
from headstart.words.foreign.clean import label
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Verdict


def shift_samples(shift: Shift) -> Iterator[Sample]:
    """One open shift; an empty label is no label to Prometheus, so there is none but of runs."""
    where = (shift.experiment, shift.fingerprint, shift.cpu_model, shift.host)
    metric = METRICS.get(shift.metric)
    labels = (
        str(shift.shift_id),
        *(label(text) or "unknown" for text in (*where, shift.variant, shift.metric)),
        metric.unit.value if metric else "unknown",
        Verdict.WORSE.value if shift.worse else Verdict.BETTER.value,
        "rose" if shift.after > shift.before else "fell",
        *(label(text) or "unknown" for text in (shift.before_revision, shift.since_revision)),
    )
    for stat, ratio in (
        ("center", shift.ratio),
        ("ci_low", shift.ratio_low),
        ("ci_high", shift.ratio_high),
    ):
        if ratio:
            yield Sample("headstart_shift_ratio", (*labels, stat), ratio)
    yield Sample("headstart_shift_level", (*labels, "old"), shift.before)
    yield Sample("headstart_shift_level", (*labels, "new"), shift.after)
    yield Sample(
        "headstart_shift_first_seen_timestamp_seconds", labels, shift.first_seen_time_seconds
    )
    confirmation = word(Confirmation, shift.confirmation) or "none"
    runs = map(label, (shift.before_run_id, shift.since_run_id, shift.rerun_run_id))
    yield Sample("headstart_shift_info", (*labels, confirmation, *runs), 1.0)


def moving_samples(state: HostState) -> Iterator[Sample]:
    """What changes with each look at a host that is here."""
    host = (label(state.host.host),)
    yield Sample("headstart_host_last_seen_timestamp_seconds", host, state.last_seen_time_seconds)
    yield Sample("headstart_host_spool_bytes", host, state.spool_bytes)


def steady_samples(state: HostState) -> Iterator[Sample]:
    """All else that is known of one host: of nothing that `moving_samples` tells."""
    facts = state.host
    host = (label(facts.host),)
    yield Sample("headstart_host_up", host, float(state.connected))
    yield Sample("headstart_host_ready", host, float(state.connected and not state.not_ready))
    reasons = {
        "drained": state.drained_time_seconds > 0,
        "not_ready": bool(state.not_ready),
        "not_connected": not state.connected,
    }
    for reason, holds in reasons.items():
        yield Sample("headstart_host_takes_no_run", (*host, reason), float(holds))
    yield Sample("headstart_host_twin", host, float(bool(state.refused_twin_time_seconds)))
    yield Sample("headstart_host_busy", host, float(bool(state.running_run_id)))
    yield Sample("headstart_host_runs_waiting", host, state.queued_runs)
    for level in (AdviceLevel.ADVICE_LEVEL_WARNING, AdviceLevel.ADVICE_LEVEL_BAD):
        found = sum(advice.level == level for advice in facts.advice)
        yield Sample("headstart_host_advice", (*host, word(AdviceLevel, level)), found)
    engine = f"{facts.engine.name} {facts.engine.version}".strip()
    info = (
        facts.fingerprint,
        facts.cpu.model,
        facts.cpu.virtualisation,
        facts.kernel,
        facts.operating_system,
        engine,
        facts.agent_version,
    )
    yield Sample("headstart_host_info", (*host, *map(label, info)), 1.0)
