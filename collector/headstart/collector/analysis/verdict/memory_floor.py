"""Memory floors: brackets in, figures and verdicts out; no statistics, a floor is searched once.

The search leaves a bracket: the largest limit that failed, the smallest that served. The
figure is its upper end, what one would have to grant, and a verdict holds only when it
holds wherever in their brackets the two floors lie.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.analysis.verdict.comparison import verdict_of
from headstart.collector.findings import (
    Comparison,
    Figure,
    FloorStep,
    Interval,
    MemoryFloor,
    Verdict,
)
from headstart.v1 import records_pb2 as pb
from headstart.words import metrics
from headstart.words.metric import Metric

# How each metric of the search is taken from its floor.
TAKES: dict[Metric, Callable[[MemoryFloor], int | None]] = {
    metrics.MEMORY_FLOOR: lambda floor: floor.serves_bytes,
}


def floors_of(records: Iterable[pb.MemoryFloor]) -> Iterator[MemoryFloor]:
    """As plain data; one without a floor keeps its steps and the reason."""
    for record in records:
        yield MemoryFloor(
            variant=record.variant,
            serves_bytes=record.serves_bytes or None,
            fails_bytes=record.fails_bytes or None,
            reason=record.reason,
            reference_throughput_per_second=record.reference_throughput_per_second,
            throughput_share=record.throughput_share,
            load_seconds=record.load_seconds,
            duration_seconds=record.duration_seconds,
            steps=tuple(map(_step, record.steps)),
        )


def add_floors(found: dict[tuple[str, str], list[Reading]], floors: Iterable[MemoryFloor]) -> None:
    """One value a variant, of no block."""
    for floor in floors:
        for metric, take in TAKES.items():
            if value := take(floor):
                found[metric.name, floor.variant] = [Reading(0, float(value), Validity.VALID)]


def with_brackets(
    figures: Iterable[Figure], floors: Mapping[str, MemoryFloor]
) -> tuple[Figure, ...]:
    """The figures of floors with their brackets as intervals."""
    return tuple(
        replace(figure, interval=_bracket(floors[figure.variant]))
        if figure.metric == metrics.MEMORY_FLOOR.name
        else figure
        for figure in figures
    )


def bracketed(comparison: Comparison, floors: Mapping[str, MemoryFloor]) -> Comparison:
    """The verdict that holds wherever in their brackets both floors lie."""
    if comparison.ratio is None:
        return comparison
    variant, baseline = (
        _bracket(floors[name]) for name in (comparison.variant, comparison.baseline)
    )
    interval = Interval(variant.low / baseline.high, variant.high / baseline.low)
    verdict = verdict_of(interval, comparison.margin, lower_is_better=True)
    reason = ""
    if verdict is Verdict.INCONCLUSIVE:
        reason = "the brackets of the two floors allow more than one verdict"
    return replace(comparison, verdict=verdict, interval=interval, reason=reason)


def remarks_on(floors: Iterable[MemoryFloor]) -> Iterator[str]:
    """Why a floor is missing, or less than it says."""
    for floor in floors:
        if floor.reason and floor.serves_bytes:
            yield f"Memory floor of {floor.variant}: {floor.reason}."
        elif floor.reason:
            yield f"{floor.variant} has no memory floor: {floor.reason}."


def _bracket(floor: MemoryFloor) -> Interval:
    """Where nothing failed, a point: no engine grants less than the smallest limit tried."""
    serves = float(floor.serves_bytes or 0)
    return Interval(float(floor.fails_bytes or serves), serves)


def _step(step: pb.MemoryFloorStep) -> FloorStep:
    return FloorStep(
        limit_bytes=step.limit_bytes,
        serves=step.serves,
        reason=step.reason,
        throughput_per_second=step.throughput_per_second,
        startup_seconds=step.startup_seconds or None,
        rss_peak_bytes=step.rss_peak_bytes,
        cgroup_peak_bytes=step.cgroup_peak_bytes,
    )
