"""What one gives up and what one gets: both sides of a trade, and where it turns."""

from collections.abc import Iterator

from headstart.collector.findings import (
    BreakEven,
    Comparison,
    GateOutcome,
    JobBreakEven,
    JobOvertaking,
    Overtaking,
    RunResult,
    Verdict,
)
from headstart.collector.findings.quantities import digits
from headstart.words.metrics import METRICS


def trade_off(result: RunResult, variant: str) -> Iterator[str]:
    """Of a variant whose gates pass: what is worse all the same, what is better, and the
    break-evens; nothing where it is worse in nothing that matters."""
    better, worse = _both_sides(result, variant)
    if worse:
        bought = f"; better: {_told(better)}" if better else ""
        yield (
            f"trade-off: worse than {result.baseline} by more than the margin: "
            f"{_told(worse)}{bought}."
        )
        yield from (f"trade-off: {text}" for text in turning_points(result, variant))


def forgone(result: RunResult, variant: str, missed: list[GateOutcome]) -> Iterator[str]:
    """Of a variant that misses gates: what is given up with it."""
    metrics = {gate.limit.metric for gate in missed}
    better = [c for c in _both_sides(result, variant)[0] if c.metric not in metrics]
    if better:
        yield f"given up: better than {result.baseline}: {_told(better)}."


def turning_points(result: RunResult, variant: str) -> Iterator[str]:
    """What a trade between start and speed turns on: computed break-evens, as sentences."""
    for load in result.load.break_evens:
        if load.variant == variant and (text := _of_load(load)):
            yield text
    for jobs in result.job_break_evens:
        if jobs.variant == variant and (text := _of_jobs(jobs)):
            yield text


def _both_sides(result: RunResult, variant: str) -> tuple[list[Comparison], list[Comparison]]:
    """Headline figures in which it is better for sure, and those in which it is worse.

    A ratio is missing only in a report that somebody wrote: there is nothing to tell.
    """
    headlines = [
        c
        for c in result.comparisons
        if c.variant == variant and c.ratio is not None and METRICS[c.metric].headline
    ]
    return (
        [c for c in headlines if c.verdict is Verdict.BETTER],
        [c for c in headlines if c.verdict is Verdict.WORSE],
    )


def _told(comparisons: list[Comparison]) -> str:
    return ", ".join(
        f"{METRICS[c.metric].title} (ratio {digits(c.ratio)})"
        for c in comparisons
        if c.ratio is not None
    )


def _of_load(found: BreakEven) -> str:
    if found.seconds is not None:
        how = "extrapolated" if found.outcome is Overtaking.EXTRAPOLATED else "observed"
        reach = _reach(found.seconds_low, found.seconds_high)
        return (
            f"The break-even is at {digits(found.seconds)} s ({how}{reach}): an instance under "
            f"full load that lives shorter does more work as {found.early}, one that lives longer "
            f"as {found.late}."
        )
    if found.outcome is Overtaking.NEVER:
        return f"There is no break-even: {found.late} starts later and is no faster when steady."
    return ""


def _of_jobs(found: JobBreakEven) -> str:
    if found.outcome is JobOvertaking.BETWEEN and found.seconds is not None:
        return (
            f"The break-even is at jobs that take {found.early} {digits(found.seconds)} s "
            f"(interpolated{_reach(found.seconds_low, found.seconds_high)}): shorter ones are "
            f"done sooner by {found.early}, longer ones by {found.late}."
        )
    if found.outcome is JobOvertaking.NEVER:
        return (
            f"There is no break-even up to the {found.longest_job} job, which takes {found.early} "
            f"{digits(found.longest_seconds)} s: {found.late} is slower there too."
        )
    return ""


def _reach(low: float | None, high: float | None) -> str:
    if low is None:
        return ""
    end = "beyond what was seen" if high is None else f"{digits(high)} s"
    return f", 95 % interval {digits(low)} s to {end}"
