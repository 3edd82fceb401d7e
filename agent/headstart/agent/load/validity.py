"""Whether the figures of a load phase may be used: pure, from its summary and windows.

What makes them invalid leaves the trial's startup alone.
"""

from collections.abc import Iterator, Sequence

from headstart.agent.linux.sysfs import parse_cpus
from headstart.v1.records_pb2 import (
    Flag,
    FlagEffect,
    LatencyBasis,
    LoadSummary,
    LoadWindow,
    LoadWindows,
)
from headstart.words.flags import FlagCode
from headstart.words.windows import OWN_PAUSE_LIMIT_US

# Share of its cores above which a generator measures itself.
SATURATION_LIMIT = 0.9
# Share of the seconds in which a generator may be saturated: more, and the throughput of the
# load is off by as much as a verdict's margin.
SATURATED_LIMIT = 0.1
# Share of the load that the generator may wait for a core: beyond it throughput is
# off by as much as a verdict's margin.
STARVATION_LIMIT = 0.05
# Of that, within one second: a window is 100 ms wide at its finest.
JITTER_LIMIT_US = 100_000
LITTLE_LIMIT = 0.1
SEND_LATENESS_LIMIT_US = 10_000
OFFERED_LIMIT = 0.99
# A fault of this share of the answers is missed in at most so many loads.
FOUND_SHARE, MISSED_LIMIT = 0.01, 0.01
# Halves of a constant rate differ by a request or two.
_RISE = 1.2


def load_flags(
    summary: LoadSummary, windows: Sequence[LoadWindows], server_cpus: str = ""
) -> list[Flag]:
    """Every reason to doubt the phase; empty when there is none. `server_cpus`: the app's."""
    if not summary.duration_seconds:
        return []
    flat = [window for message in windows for window in message.windows]
    return [
        *_generator(summary),
        *_shared_cpu(summary, server_cpus),
        *_pauses(summary, flat),
        *_answers(summary),
        *_bodies(summary),
        *_sums(summary, flat),
        *(_schedule(summary, flat) if _is_open(summary) else _little(summary, flat)),
    ]


def _is_open(summary: LoadSummary) -> bool:
    """Whether a rate was stated: then connections may be idle, whatever latency counts from."""
    return bool(summary.rate_per_second) or (
        summary.latency_basis == LatencyBasis.LATENCY_BASIS_INTENDED_SEND
    )


def _generator(summary: LoadSummary) -> Iterator[Flag]:
    cores = max(1, summary.generator_cores)
    used = summary.generator_cpu_seconds / summary.duration_seconds / cores
    # A server that stalls leaves its generator idle: the load as a whole says little.
    seen = summary.seconds_seen
    saturated = summary.saturated_seconds / seen if seen else float(used > SATURATION_LIMIT)
    if saturated > SATURATED_LIMIT:
        when = f"in {summary.saturated_seconds} of {seen} s" if seen else f"{used:.0%} of the time"
        yield _invalid(
            FlagCode.GENERATOR_SATURATED,
            f"{summary.driver} used more than {SATURATION_LIMIT:.0%} of its {cores} core(s) {when}:"
            " the throughput may be the generator's own",
            saturated,
            SATURATED_LIMIT,
        )
    waited = summary.generator_run_delay_seconds / summary.duration_seconds
    worst_us = summary.generator_run_delay_max_us
    if waited > STARVATION_LIMIT:
        yield _invalid(
            FlagCode.GENERATOR_STARVED,
            f"{summary.driver} waited for a core for {waited:.0%} of the load:"
            " something else ran on its CPUs",
            waited,
            STARVATION_LIMIT,
        )
    elif worst_us > JITTER_LIMIT_US:
        yield _note(
            FlagCode.GENERATOR_JITTER,
            f"{summary.driver} waited {worst_us / 1e3:.0f} ms for a core within one second",
            worst_us,
            JITTER_LIMIT_US,
        )


def _shared_cpu(summary: LoadSummary, server_cpus: str) -> Iterator[Flag]:
    """App and load on one CPU: each of them takes from the other."""
    app, load = parse_cpus(server_cpus), parse_cpus(summary.generator_cpus)
    shared = app & load
    if shared and shared in (app, load):
        cpus = ", ".join(map(str, sorted(shared)))
        yield _note(
            FlagCode.LOAD_SHARES_CPUS,
            f"app and load ran on the same CPU {cpus}: throughput and latency are those of both"
            " together (plan: cpus)",
            len(shared),
            0,
        )


def _pauses(summary: LoadSummary, windows: Sequence[LoadWindow]) -> Iterator[Flag]:
    paused = [w.own_pause_us for w in windows if w.own_pause_us > OWN_PAUSE_LIMIT_US]
    if paused:
        yield _note(
            FlagCode.GENERATOR_PAUSED,
            f"{summary.driver} itself stood still for up to {max(paused) / 1e3:.0f} ms, in"
            f" {len(paused)} of {len(windows)} windows: their latencies are left out",
            max(paused),
            OWN_PAUSE_LIMIT_US,
        )


def _answers(summary: LoadSummary) -> Iterator[Flag]:
    first = f", the first: {summary.first_fault}" if summary.first_fault else ""
    if summary.incorrect:
        yield _invalid(
            FlagCode.INCORRECT_RESPONSES,
            f"{_about(summary)}{summary.incorrect} of {summary.completed} answers were not"
            f" correct{first}",
            summary.incorrect,
            0,
        )
    if summary.failed:
        yield _invalid(
            FlagCode.FAILED_REQUESTS,
            f"{summary.failed} requests were refused, reset or timed out{first}",
            summary.failed,
            0,
        )


def _bodies(summary: LoadSummary) -> Iterator[Flag]:
    """Too few bodies looked at to find one wrong answer in a hundred."""
    checked = summary.bodies_checked
    missed = (1 - FOUND_SHARE) ** checked
    if not summary.bodies_wrong and 0 < checked < summary.completed and missed > MISSED_LIMIT:
        yield _note(
            FlagCode.FEW_BODIES_CHECKED,
            f"only {checked} of {summary.completed} answers were held against all of their check:"
            f" one wrong in a hundred would be missed in {missed:.0%} of such loads",
            missed,
            MISSED_LIMIT,
        )


def _about(summary: LoadSummary) -> str:
    """Whether the number is an estimate from those that were judged."""
    if not summary.bodies_wrong or summary.bodies_checked >= summary.completed:
        return ""
    return f"{summary.bodies_wrong} of {summary.bodies_checked} judged were wrong, so that about "


def _sums(summary: LoadSummary, windows: Sequence[LoadWindow]) -> Iterator[Flag]:
    in_windows = sum(window.completed for window in windows)
    own = summary.driver_completed
    if in_windows != summary.completed or (own and own != in_windows):
        yield _invalid(
            FlagCode.SUM_MISMATCH,
            f"the windows hold {in_windows} requests, {summary.driver} itself counted {own}",
            in_windows,
            own,
        )


def _little(summary: LoadSummary, windows: Sequence[LoadWindow]) -> Iterator[Flag]:
    """Little's law: requests in flight = throughput x mean latency.

    In a closed loop every connection has a request in flight, so that the sum of
    the latencies is the connections times the time (Little 1961).
    """
    connections = summary.connections
    if not connections or not summary.completed:
        return
    in_flight = summary.latency.total_us / (summary.duration_seconds * 1e6)
    off = abs(in_flight / connections - 1)
    if off > LITTLE_LIMIT:
        yield _invalid(
            FlagCode.LITTLES_LAW,
            f"on average {in_flight:.1f} requests were in flight on {connections} connections:"
            f" {summary.driver} lost connections or was itself late",
            off,
            LITTLE_LIMIT,
        )
        return
    violating = sum(_violates(windows, at, connections) for at in range(len(windows)))
    if violating:
        yield _note(
            FlagCode.LITTLES_LAW_WINDOWS,
            f"in {violating} of {len(windows)} windows throughput and latency do not fit"
            f" {connections} connections",
            violating,
            0,
        )


def _violates(windows: Sequence[LoadWindow], at: int, connections: int) -> bool:
    """Little's law in one window.

    A request is counted whole where it completed, so each connection may carry
    one latency in from an earlier window and one out to a later one.
    """
    window = windows[at]
    span_us = connections * window.duration_us
    surplus_us = abs(window.latency.total_us - span_us) - LITTLE_LIMIT * span_us
    if surplus_us <= connections * window.latency.maximum_us:
        return False
    end_us = window.start_us + window.duration_us
    carried_out_us = max(
        (
            later.latency.maximum_us
            for later in windows[at + 1 :]
            if later.latency.maximum_us >= later.start_us - end_us
        ),
        default=0,
    )
    return surplus_us > connections * (window.latency.maximum_us + carried_out_us)


def _schedule(summary: LoadSummary, windows: Sequence[LoadWindow]) -> Iterator[Flag]:
    late_us = summary.send_lateness_p99_us
    if late_us > SEND_LATENESS_LIMIT_US:
        yield _invalid(
            FlagCode.SEND_LATENESS,
            f"{summary.driver} sent its requests late, p99 {late_us / 1e3:.1f} ms",
            late_us,
            SEND_LATENESS_LIMIT_US,
        )
    sent = sum(window.sent for window in windows)
    if sent < OFFERED_LIMIT * summary.offered and not _rises(windows):
        share = sent / summary.offered
        yield _note(
            FlagCode.RATE_NOT_HELD,
            f"only {share:.0%} of the stated rate could be sent over {summary.connections}"
            " connections: the latency grows with the length of the load",
            share,
            OFFERED_LIMIT,
        )


def _rises(windows: Sequence[LoadWindow]) -> bool:
    """Whether the rate is made to rise: then it is meant not to be held at last."""
    half = len(windows) // 2
    first, second = (
        sum(window.offered for window in part) / max(1, sum(window.duration_us for window in part))
        for part in (windows[:half], windows[half:])
    )
    return second > _RISE * first


def _invalid(code: FlagCode, text: str, value: float, limit: float) -> Flag:
    effect = FlagEffect.FLAG_EFFECT_LOAD_INVALID
    return Flag(code=code, effect=effect, text=text, value=value, limit=limit)


def _note(code: FlagCode, text: str, value: float, limit: float) -> Flag:
    effect = FlagEffect.FLAG_EFFECT_NOTE
    return Flag(code=code, effect=effect, text=text, value=value, limit=limit)
