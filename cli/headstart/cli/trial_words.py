"""A run's trials as `headstart trials` shows them: as JSON, as a table, one in detail."""

from collections.abc import Iterator, Sequence
from typing import Any

from headstart.collector.analysis.trials.ended_trial import outcome_word
from headstart.collector.analysis.trials.start_chain import start_of
from headstart.collector.findings.quantities import quantity
from headstart.collector.findings.starts import FIRST_RESPONSE, STAMPS, Start, title_of
from headstart.v1.records_pb2 import CompanionUse, FlagEffect, Job, Startup, TrialOutcome
from headstart.words import metrics
from headstart.words.enums import word

# Of the table: the others have their place in --trial and --json.
_SHOWN = ("create", "start_call", "engine_ready", "gate_opened", "connected", "first_byte")
_HEADS = ("create", "call", "ready", "gate", "connect", "1st byte")


def as_json(outcome: TrialOutcome) -> dict[str, Any]:
    """All that is known of a trial."""
    start = start_of(outcome)
    told: dict[str, Any] = {
        "trial": outcome.trial,
        "block": outcome.block,
        "position": outcome.position,
        "variant": outcome.variant,
        "outcome": outcome_word(outcome),
        "failure": outcome.failure.message if outcome.HasField("failure") else None,
        "output_tail": outcome.failure.output_tail or outcome.output_tail or None,
        "flags": [
            {
                "code": flag.code,
                "effect": word(FlagEffect, flag.effect),
                "text": flag.text,
                "value": flag.value,
                "limit": flag.limit,
            }
            for flag in outcome.flags
        ],
        "checks_passed": outcome.checks_passed,
        "checks_failed": outcome.checks_failed,
        metrics.STARTUP.name: _startup(start),
        "start": None,
        "jobs": [_job(job) for job in outcome.jobs],
        "beside": [_used(use) for use in outcome.beside],
    }
    if start is not None:
        told["start"] = {
            "seconds_since_exec": start.stamps,
            "exec_stamp": start.exec_stamp,
            "connect_attempts": start.connect_attempts,
            "incorrect_responses": start.incorrect_responses,
            "quiet_wait_seconds": start.quiet_wait_seconds,
            "idle_share": start.idle_share,
            "run_delay_seconds": start.server_run_delay_seconds,
            "prober_run_delay_seconds": start.prober_run_delay_seconds,
            "cpu_seconds": start.cpu_seconds,
            "cpu_resolution_seconds": start.cpu_resolution_seconds,
            "disturbance": _disturbance(outcome.startup),
        }
    return told


def _disturbance(startup: Startup) -> dict[str, Any] | None:
    """How far the startup time may be from the app's own; None: the agent does not tell."""
    if not startup.HasField("disturbance"):
        return None
    found = startup.disturbance
    return {
        "waited_seconds": found.waited_seconds if found.HasField("waited_seconds") else None,
        "probe_error_seconds": found.probe_error_seconds,
        "unanswered_seconds": found.unanswered_seconds,
        "cpus": found.cpus or None,
        "cpu_seconds": found.cpu_seconds or None,
    }


def _job(job: Job) -> dict[str, Any]:
    late_ns = job.exit_monotonic_ns - job.exit_kernel_monotonic_ns
    return {
        "input": job.input,
        "duration_seconds": job.duration_seconds,
        "cpu_seconds": job.cpu_seconds or None,
        "exit_status": job.exit_status,
        "output_bytes": job.output_bytes,
        "output_sha256": job.output_sha256,
        # What the agent saw of the exit came so long after the kernel's event.
        "exit_seen_after_seconds": late_ns / 1e9 if job.exit_kernel_monotonic_ns else None,
    }


def _used(use: CompanionUse) -> dict[str, Any]:
    """What stood beside the app; null: not measured, or, of `ready_seconds`, it stood there."""
    return {
        "name": use.name,
        "ready_seconds": use.ready_seconds or None,
        "cpu_seconds": use.cpu_seconds or None,
        "memory_bytes": use.memory_bytes or None,
        "memory_peak_bytes": use.memory_peak_bytes or None,
        "oom_kills": use.oom_kills,
    }


def _startup(start: Start | None) -> float | None:
    return start.stamps.get(FIRST_RESPONSE) if start else None


def table(trials: Sequence[TrialOutcome]) -> Iterator[str]:
    """A line for each trial, below heads."""
    if not trials:
        yield "no trial has ended"
        return
    wide = max(len("variant"), *(len(each.variant) for each in trials))
    outcomes = [outcome_word(each) for each in trials]
    long = max(len("outcome"), *map(len, outcomes))
    heads = "".join(f"{head:>10}" for head in _HEADS)
    yield f"trial block  {'variant':{wide}}  {'outcome':{long}}{'startup':>10}{heads}  flags"
    for each, outcome in zip(trials, outcomes, strict=True):
        start = start_of(each)
        stamps = start.stamps if start else {}
        cells = "".join(f"{_ms(stamps.get(name)):>10}" for name in (FIRST_RESPONSE, *_SHOWN))
        flags = " ".join(dict.fromkeys(flag.code for flag in each.flags))
        row = f"{each.trial:5} {each.block:5}  {each.variant:{wide}}  {outcome:{long}}{cells}"
        yield f"{row}  {flags}".rstrip()
    yield ""
    yield "in milliseconds since exec, by CLOCK_MONOTONIC of the host; --trial N shows every stamp"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e3:.2f}"


def detail(outcome: TrialOutcome) -> Iterator[str]:
    """One trial: each stamp of its start, flags, jobs, companions."""
    place = f"trial {outcome.trial}, block {outcome.block}, place {outcome.position}"
    yield f"{place}: {outcome.variant}: {outcome_word(outcome)}"
    if outcome.HasField("failure"):
        yield f"  {outcome.failure.message}"
    for flag in outcome.flags:
        yield f"  {flag.code} ({word(FlagEffect, flag.effect)}): {flag.text}"
    start = start_of(outcome)
    if start is None:
        yield "  it was never started"
    else:
        yield from _start_lines(start)
    for job in outcome.jobs:
        ended = f"exit {job.exit_status}, {job.output_bytes:,} bytes"
        digest = f", SHA-256 {job.output_sha256[:12]}" if job.output_sha256 else ""
        yield f"  job {job.input}: {quantity(job.duration_seconds, 'seconds')}, {ended}{digest}"
    for use in outcome.beside:
        yield f"  beside the app: {use.name}{''.join(_use_words(use))}"
    for tail in (outcome.failure.output_tail or outcome.output_tail).splitlines():
        yield f"  | {tail}"


def _use_words(use: CompanionUse) -> Iterator[str]:
    """What was measured of it."""
    if use.ready_seconds:
        yield f", ready after {quantity(use.ready_seconds, 'seconds')}"
    if use.cpu_seconds:
        yield f", CPU time {quantity(use.cpu_seconds, 'seconds')}"
    if use.memory_bytes:
        yield f", {quantity(use.memory_bytes, 'bytes')} of memory at the end"
    if use.memory_peak_bytes:
        yield f", {quantity(use.memory_peak_bytes, 'bytes')} at most"
    if use.oom_kills:
        yield f", {use.oom_kills} of its processes killed for want of memory"


def _start_lines(start: Start) -> Iterator[str]:
    yield f"  start, in ms since exec ({start.exec_stamp.replace('_', ' ')}):"
    for stamp in STAMPS:
        if stamp.name in start.stamps:
            yield f"  {start.stamps[stamp.name] * 1e3:12.3f}  {title_of(stamp, [start])}"
    if start.log_lines:
        yield f"  lines of its log up to it: {start.log_lines:,}, {start.log_bytes:,} bytes"
    else:
        attempts = f"{start.connect_attempts} connects tried"
        yield f"  {attempts}, {start.incorrect_responses} answers that were not correct"
    delays = start.server_run_delay_seconds, start.prober_run_delay_seconds
    app, prober = (quantity(seconds, "seconds") for seconds in delays)
    yield f"  waited for a CPU: the app {app}, the prober {prober}"
    if start.cpu_resolution_seconds:
        step = quantity(start.cpu_resolution_seconds, "seconds")
        yield f"  CPU time {quantity(start.cpu_seconds, 'seconds')}, known to {step}"
    idle = "" if start.idle_share is None else f", {start.idle_share * 100:.0f} % idle"
    yield f"  host waited for {quantity(start.quiet_wait_seconds, 'seconds')}{idle}"
