"""How the starts of a run went, and who makes up for a late one, as samples."""

from collections.abc import Iterator
from statistics import median

from headstart.collector.findings import BreakEven, JobBreakEven, RunResult
from headstart.collector.findings.starts import STAMPS
from headstart.collector.metrics.families import (
    BREAK_EVEN,
    BREAK_EVEN_INFO,
    START_STAMP,
    Sample,
)
from headstart.words.foreign.clean import label


def start_samples(result: RunResult, run: tuple[str, ...]) -> Iterator[Sample]:
    """The middle of each stamp that valid trials have, by variant; `run` are the run's labels."""
    for variant in dict.fromkeys(start.variant for start in result.starts):
        valid = [start for start in result.starts if start.variant == variant and start.valid]
        for stamp in STAMPS:
            seen = [start.stamps[stamp.name] for start in valid if stamp.name in start.stamps]
            if seen:
                labels = (*run, label(variant), stamp.name)
                yield Sample(START_STAMP.name, labels, median(seen))


def break_even_samples(result: RunResult, run: tuple[str, ...]) -> Iterator[Sample]:
    """Whether and when the slower starter of each comparison catches up."""
    found: list[tuple[str, BreakEven | JobBreakEven]] = [
        *(("requests", each) for each in result.load.break_evens),
        *(("jobs", each) for each in result.job_break_evens),
    ]
    for of, each in found:
        variant = (*run, label(each.variant))
        words = (of, label(each.early), label(each.late), each.outcome.value)
        yield Sample(BREAK_EVEN_INFO.name, (*variant, *words), 1.0)
        if each.seconds is not None:
            yield Sample(BREAK_EVEN.name, (*variant, of), each.seconds)
