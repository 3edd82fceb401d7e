"""What a report shows of memory beyond its figures: what it is made of, and the floors' search."""

from dataclasses import dataclass

from headstart.collector.findings import FloorStep, MemoryFloor, PhaseSplit, RunResult
from headstart.collector.findings.quantities import digits, quantity
from headstart.collector.report.sentences.text import line

_MIB = 1 << 20
_NOTHING = "–"

SPLIT_COLUMNS = (
    "RSS",
    "PSS",
    "USS",
    "Highest RSS",
    "High water",
    "Group",
    "Anonymous",
    "File",
    "Kernel",
    "Group's peak",
)


@dataclass(frozen=True)
class SplitRow:
    """One variant in one phase; `values` as in `SPLIT_COLUMNS`."""

    variant: str
    phase: str
    trials: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class FloorView:
    """One variant's floor in words, and its probes as limit, outcome, requests, memory, reason."""

    variant: str
    text: str
    steps: tuple[tuple[str, str, str, str, str], ...]


def split_rows(result: RunResult) -> list[SplitRow]:
    """By variant in the order of the file, then by phase."""
    return [
        SplitRow(
            split.variant,
            split.phase,
            split.trials,
            tuple(
                quantity(value, "bytes") if value is not None else _NOTHING
                for value in (
                    split.rss_bytes,
                    split.pss_bytes,
                    split.uss_bytes,
                    split.rss_peak_bytes,
                    split.high_water_bytes,
                    split.cgroup_bytes,
                    split.anonymous_bytes,
                    split.file_bytes,
                    split.kernel_bytes,
                    split.cgroup_peak_bytes,
                )
            ),
        )
        for split in result.memory.phases
    ]


def sharing(result: RunResult) -> list[str]:
    """Which variants are several processes, and what that does to their figures."""
    last: dict[str, PhaseSplit] = {}
    for split in result.memory.phases:
        if split.processes is not None and split.processes > 1:
            shown = last.get(split.variant)
            if shown is None or (split.pss_bytes and not shown.pss_bytes):
                last[split.variant] = split
    return [_sharing(split) for split in last.values()]


def floors(result: RunResult) -> list[FloorView]:
    """Every search of the run, also those that found none."""
    return [
        FloorView(floor.variant, _floor(floor), tuple(map(_step, floor.steps)))
        for floor in result.memory.floors
    ]


def _sharing(split: PhaseSplit) -> str:
    found = (
        f"{split.variant} is {split.processes:.0f} processes: RSS counts a page that they share"
        " once for each, and high water adds up marks that they may have reached at different"
        " times"
    )
    if split.pss_bytes and split.rss_bytes:
        found += (
            f"; PSS, which counts shared pages once, is {quantity(split.pss_bytes, 'bytes')}"
            f" of {quantity(split.rss_bytes, 'bytes')} ({split.phase})"
        )
    return f"{found}."


def _floor(floor: MemoryFloor) -> str:
    if floor.serves_bytes is None:
        return f"{floor.variant} has no memory floor: {line(floor.reason)}."
    text = f"{floor.variant} serves within {_limit(floor.serves_bytes)}"
    if floor.fails_bytes:
        text += f" and does not within {_limit(floor.fails_bytes)}"
    else:
        text += ", the smallest limit that was tried"
    probes = f"{len(floor.steps)} probes of {floor.load_seconds:g} s of load"
    text += f" ({probes}, {floor.duration_seconds:.0f} s in all)"
    return f"{text}; {line(floor.reason)}." if floor.reason else f"{text}."


def _step(step: FloorStep) -> tuple[str, str, str, str, str]:
    return (
        _limit(step.limit_bytes) if step.limit_bytes else "none",
        "serves" if step.serves else "does not serve",
        quantity(step.throughput_per_second, "per_second") if step.throughput_per_second else "",
        quantity(step.rss_peak_bytes, "bytes") if step.rss_peak_bytes else "",
        line(step.reason),
    )


def _limit(limit_bytes: int) -> str:
    """In the unit in which limits are written."""
    return f"{digits(limit_bytes / _MIB)} MiB"
