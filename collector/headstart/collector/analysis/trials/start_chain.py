"""How one start went, by its record; and the one that stands for a variant."""

from collections.abc import Iterable

from headstart.collector.analysis.trials.ended_trial import exec_ns
from headstart.collector.findings.starts import FIRST_RESPONSE, STAMPS, Start
from headstart.v1.experiment_pb2 import Service
from headstart.v1.records_pb2 import ExecStamp, FlagEffect, Startup, TrialOutcome
from headstart.words.enums import word

_INVALID = (FlagEffect.FLAG_EFFECT_STARTUP_INVALID, FlagEffect.FLAG_EFFECT_TRIAL_INVALID)


def chain_of(startup: Startup) -> dict[str, float]:
    """Seconds since exec by stamp, of those that were seen; empty where no exec was."""
    origin = exec_ns(startup)
    if not origin:
        return {}
    seen = {stamp.name: getattr(startup, stamp.field) for stamp in STAMPS}
    return {name: (at_ns - origin) / 1e9 for name, at_ns in seen.items() if at_ns}


def start_of(outcome: TrialOutcome, service: Service | None = None) -> Start | None:
    """None: the app was never started. `service` names its steps."""
    startup = outcome.startup
    stamps = chain_of(startup)
    if not stamps:
        return None
    return Start(
        variant=outcome.variant,
        trial=outcome.trial,
        block=outcome.block,
        stamps=stamps,
        exec_stamp=word(ExecStamp, startup.exec_stamp),
        connect_attempts=startup.connect_attempts,
        incorrect_responses=startup.incorrect_responses,
        quiet_wait_seconds=startup.quiet_wait_seconds,
        idle_share=startup.idle_share if startup.idle_share >= 0 else None,
        server_run_delay_seconds=startup.server_run_delay_seconds,
        prober_run_delay_seconds=startup.prober_run_delay_seconds,
        cpu_seconds=startup.cpu_seconds,
        cpu_resolution_seconds=startup.cpu_resolution_seconds,
        valid=not any(flag.effect in _INVALID for flag in outcome.flags),
        log_lines=startup.log_lines,
        log_bytes=startup.log_bytes,
        steps=tuple(check.name for check in service.before_ready) if service else (),
    )


def median_starts(
    variants: Iterable[str], outcomes: Iterable[TrialOutcome], service: Service | None = None
) -> tuple[Start, ...]:
    """For each variant the start with the median startup time, of those that count if any do.

    Of an even number the shorter of the two: it was measured, their mean was not.
    """
    by_variant: dict[str, list[Start]] = {name: [] for name in variants}
    for outcome in outcomes:
        start = start_of(outcome, service)
        if start is not None and start.variant in by_variant and FIRST_RESPONSE in start.stamps:
            by_variant[start.variant].append(start)
    return tuple(_median(starts) for starts in by_variant.values() if starts)


def _median(starts: list[Start]) -> Start:
    counting = [start for start in starts if start.valid] or starts
    counting.sort(key=lambda start: (start.stamps[FIRST_RESPONSE], start.trial))
    return counting[(len(counting) - 1) // 2]
