"""What a run says of load over time: series, ramps, warm-up and break-evens."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from headstart.collector.findings.quantities import digits


@dataclass(frozen=True)
class Series:
    """One variant's quantity over time, for plots: per trial x ascending seconds."""

    variant: str
    trial: int
    # Seconds from exec.
    seconds: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class WindowSeries:
    """Throughput and latency of one trial's load, window by window."""

    variant: str
    trial: int
    # Start and width of each window, in seconds from the first correct response.
    start_seconds: tuple[float, ...]
    width_seconds: tuple[float, ...]
    # Correct responses per second.
    throughput_per_second: tuple[float, ...]
    # None: nothing was completed in the window.
    latency_p50_seconds: tuple[float | None, ...]
    latency_p99_seconds: tuple[float | None, ...]
    valid: bool = True
    block: int = 0
    # First correct response, in seconds from exec; None: exec was not stamped.
    startup_seconds: float | None = None


@dataclass(frozen=True)
class Ramp:
    """One trial under a rate that was made to rise, by rate; all tuples are of one length."""

    variant: str
    trial: int
    # Requests per second that were due, and those that were answered correctly.
    offered_per_second: tuple[float, ...]
    throughput_per_second: tuple[float, ...]
    # From the intended send; None: nothing was completed.
    latency_p50_seconds: tuple[float | None, ...]
    latency_p99_seconds: tuple[float | None, ...]
    # The highest rate that was held; None: not even the lowest.
    held_per_second: float | None
    # False: every rate was held, so that the highest is not known.
    saturated: bool
    valid: bool = True


class Shape(StrEnum):
    """The course of throughput under load."""

    FLAT = "flat"
    WARMUP = "warmup"
    SLOWDOWN = "slowdown"
    NO_STEADY_STATE = "no steady state"
    # Too few windows to say anything.
    TOO_SHORT = "too short"
    # What the load was: neither lets a course be seen.
    NO_SERIES = "no series"
    RISING_RATE = "rising rate"
    # Of trials together: they disagree.
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True)
class Warmup:
    """The course of one trial's throughput under load; seconds from the beginning of load."""

    variant: str
    trial: int
    shape: Shape
    observed_seconds: float
    # Where the steady part begins; None: there is none, and `reason` says how it ended.
    steady_from_seconds: float | None
    steady_per_second: float | None
    first_second_per_second: float | None
    # Over the first five seconds.
    first_seconds_per_second: float | None
    last_second_per_second: float | None
    reason: str = ""
    valid: bool = True
    # It varied too much to tell by itself; all trials of the variant together told.
    decided_jointly: bool = False


@dataclass(frozen=True)
class VariantWarmup:
    """The trials of one variant together."""

    variant: str
    shape: Shape
    trials: int
    settled: int
    # Median over the settled trials; 0 of a flat variant.
    steady_from_seconds: float | None
    observed_seconds: float
    # Such as "was still rising after 30 s in 2 of 3 trials".
    reason: str = ""
    # Of the settled ones: which could not tell by themselves.
    decided_jointly: int = 0


def as_far_as(warmups: Iterable[VariantWarmup], *variants: str) -> str:
    """How long these were looked at: what is level so far may change its level afterwards.

    Empty where nothing of their loads is known.
    """
    seconds = [w.observed_seconds for w in warmups if w.variant in variants]
    return f"as far as {digits(min(seconds))} s show" if seconds else ""


class Overtaking(StrEnum):
    """Whether the slower starter ever completes as much work as the faster one."""

    # Within the observed time.
    OBSERVED = "observed"
    # Later, if both go on at their steady rates.
    EXTRAPOLATED = "extrapolated"
    # Not within the observed time, nor after it: its steady rate is the lower one.
    NEVER = "never"
    # Not within the observed time; after it, the steady rates do not differ for sure.
    OPEN = "open"
    # Not within the observed time; nothing is said of later, as not both were steady.
    NOT_OBSERVED = "not observed"
    # Neither starts faster in most blocks: there is nothing to catch up with.
    UNDETERMINED = "undetermined"


@dataclass(frozen=True)
class BreakEven:
    """Completed work of two variants over time; seconds from exec, means over blocks.

    The ends of an interval are None where it has none: too few blocks, or for `*_high` and
    `*_low` a time that lies beyond what could be told.
    """

    variant: str
    baseline: str
    # Who answers first, and who has to catch up.
    early: str
    late: str
    blocks: int
    observed_seconds: float
    outcome: Overtaking
    seconds: float | None = None
    seconds_low: float | None = None
    seconds_high: float | None = None
    # Completed by each of the two at that time.
    requests: float | None = None
    # How far `late` is behind when the observation ends; negative: ahead.
    behind_requests: float = 0.0
    # From when on the throughput of `late` is no longer behind, within the margin.
    level_seconds: float | None = None
    level_low: float | None = None
    level_high: float | None = None


@dataclass(frozen=True)
class RunLoad:
    """The load of a run, and what went on under it."""

    # As it was asked for, such as "16 connections, closed loop, 60 s, h2load 1.52".
    description: str = ""
    series: tuple[WindowSeries, ...] = ()
    warmups: tuple[Warmup, ...] = ()
    variant_warmups: tuple[VariantWarmup, ...] = ()
    # Of loads whose rate rises.
    ramps: tuple[Ramp, ...] = ()
    break_evens: tuple[BreakEven, ...] = ()
