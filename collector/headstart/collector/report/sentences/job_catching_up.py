"""Jobs over their length in one line: who starts first, and from what length on it is level."""

from headstart.collector.findings import JobBreakEven, JobOvertaking, RunResult
from headstart.collector.findings.quantities import quantity, ratio
from headstart.words import metrics


def job_sentences(result: RunResult) -> list[str]:
    """One for each variant that has jobs; empty for a service."""
    return [job_catching_up(result, found) for found in result.job_break_evens]


def job_catching_up(result: RunResult, found: JobBreakEven) -> str:
    """A job's length is told as the time that the early variant takes for it."""
    if found.outcome is JobOvertaking.UNDETERMINED:
        return (
            f"Neither {found.baseline} nor {found.variant} starts first for sure: over longer jobs "
            "neither has a start to catch up with."
        )
    return f"{_start(result, found)}. {_OUTCOMES[found.outcome](found)}."


def _start(result: RunResult, found: JobBreakEven) -> str:
    figures = [result.figure(metrics.STARTUP.name, name) for name in (found.early, found.late)]
    early, late = (figure.center if figure else None for figure in figures)
    if early is None or late is None or late <= early:
        return f"{found.early} starts first"
    return f"{found.early} starts {quantity(late - early, 'seconds')} before {found.late}"


def _between(found: JobBreakEven) -> str:
    return (
        f"{found.late} is level from jobs of about {_at(found)} on, told as {found.early}'s time; "
        f"read between its {found.shortest_job} job ({_seconds(found.shortest_seconds)}) and its "
        f"{found.longest_job} job ({_seconds(found.longest_seconds)}), for which {found.late} "
        f"takes {_share(found)} of the time"
    )


def _at(found: JobBreakEven) -> str:
    at = _seconds(found.seconds or 0.0)
    if found.seconds_low is None:
        why = ", for not every block gets there" if found.ratio_low is not None else ""
        return f"{at} (no interval{why})"
    if found.seconds_high is None:
        return f"{at} (95 % interval from {_seconds(found.seconds_low)} to beyond the longest job)"
    ends = f"{_seconds(found.seconds_low)} to {_seconds(found.seconds_high)}"
    return f"{at} (95 % interval {ends})"


def _already(found: JobBreakEven) -> str:
    return (
        f"{found.late} has caught up at the {found.shortest_job} job already, "
        f"{_seconds(found.shortest_seconds)} of {found.early}: it takes {_share(found)} of that "
        "time"
    )


def _never(found: JobBreakEven) -> str:
    return (
        f"{found.late} never catches up within the longest job measured, "
        f"{_seconds(found.longest_seconds)} of {found.early}: it takes {_share(found)} of that "
        "time; nothing is said of longer jobs"
    )


def _open(found: JobBreakEven) -> str:
    return (
        f"At the longest job measured, {_seconds(found.longest_seconds)} of {found.early}, "
        f"{found.late} is not surely behind any more: it takes {_share(found)} of that time; "
        "a longer job or more blocks would tell"
    )


_OUTCOMES = {
    JobOvertaking.BETWEEN: _between,
    JobOvertaking.ALREADY: _already,
    JobOvertaking.NEVER: _never,
    JobOvertaking.OPEN: _open,
}


def _share(found: JobBreakEven) -> str:
    if found.ratio_low is None or found.ratio_high is None:
        return f"{ratio(found.ratio)} (no interval)"
    return (
        f"{ratio(found.ratio)} (95 % interval {ratio(found.ratio_low)}–{ratio(found.ratio_high)})"
    )


def _seconds(value: float) -> str:
    return quantity(value, "seconds")
