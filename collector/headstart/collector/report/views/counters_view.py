"""The table of runtime counters: a row for each variant and phase."""

from collections.abc import Iterable
from dataclasses import dataclass

from headstart.collector.findings import RunResult
from headstart.collector.findings.quantities import quantity
from headstart.collector.report.sentences.text import line
from headstart.words.counters import COUNTERS, Counter

NOTE = (
    "What the runtimes say of themselves: totals since the process began, and the heap of the GC"
    " as of its last collection. They come from separate trials, one for each variant after the"
    " blocks, because asking a runtime makes it work; no figure or verdict rests on them."
)
_NOTHING = "–"


@dataclass(frozen=True)
class CounterRow:
    """One variant at the end of one phase; `values` as in `CounterTable.columns`."""

    variant: str
    phase: str
    values: tuple[str, ...]
    source: str


@dataclass(frozen=True)
class CounterTable:
    """Columns of which no variant has a value are left out."""

    columns: tuple[str, ...]
    rows: tuple[CounterRow, ...]
    # Why a variant has no counters, or not all.
    absent: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.rows or self.absent)


def counter_table(result: RunResult) -> CounterTable:
    """Empty when the experiment asked for none."""
    readings = [(c, reading) for c in result.runtime_counters for reading in c.readings]
    columns = _columns({name for _, reading in readings for name in reading.values})
    rows = tuple(
        CounterRow(
            told.variant,
            reading.phase,
            tuple(_value(reading.values, counters) for counters in columns.values()),
            line(told.source),
        )
        for told, reading in readings
    )
    absent = tuple(
        f"{c.variant}: {line(c.reason).rstrip('.')}." for c in result.runtime_counters if c.reason
    )
    return CounterTable(tuple(columns), rows, absent)


def counter_lines(result: RunResult) -> list[str]:
    """The same where a table of ten columns has no room."""
    found = counter_table(result)
    rows = [
        f"{row.variant}, end of {row.phase}: "
        + ", ".join(
            f"{column} {value}"
            for column, value in zip(found.columns, row.values, strict=True)
            if value != _NOTHING
        )
        for row in found.rows
    ]
    return [*rows, *found.absent]


def _columns(told: set[str]) -> dict[str, list[Counter]]:
    """By title, the counters of which a value is there."""
    columns: dict[str, list[Counter]] = {}
    for counter in COUNTERS:
        if counter.name in told:
            columns.setdefault(counter.title, []).append(counter)
    return columns


def _value(values: dict[str, float], counters: Iterable[Counter]) -> str:
    for counter in counters:
        if (value := values.get(counter.name)) is not None:
            return quantity(value, counter.unit) if counter.unit else f"{value:,.0f}"
    return _NOTHING
