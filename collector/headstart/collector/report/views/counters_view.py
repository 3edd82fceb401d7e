"""The table of runtime counters: a row for each variant and phase."""

from dataclasses import dataclass

from headstart.collector.findings import RunResult
from headstart.collector.findings.quantities import quantity
from headstart.collector.report.sentences.text import line

NOTE = (
    "What the runtimes say of themselves: totals since the process began, and the heap of the GC"
    " as of its last collection. They come from separate trials, one for each variant after the"
    " blocks, because asking a runtime makes it work; no figure or verdict rests on them."
)
# Title and unit, and the names of which a runtime has one at most.
_COLUMNS = (
    ("Methods jitted", "", ("methods_jitted",)),
    ("Time in JIT", "seconds", ("jit_seconds",)),
    ("IL or bytecode jitted", "bytes", ("jit_input_bytes",)),
    ("GCs", "", ("gc_collections",)),
    ("GC pauses", "seconds", ("gc_pause_seconds",)),
    ("GC heap", "bytes", ("gc_heap_bytes",)),
    ("Allocated", "bytes", ("allocated_bytes",)),
    ("Assemblies or classes", "", ("assemblies_loaded", "classes_loaded")),
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
    columns = [
        (title, unit, names)
        for title, unit, names in _COLUMNS
        if any(name in reading.values for _, reading in readings for name in names)
    ]
    rows = tuple(
        CounterRow(
            counters.variant,
            reading.phase,
            tuple(_value(reading.values, unit, names) for _, unit, names in columns),
            line(counters.source),
        )
        for counters, reading in readings
    )
    absent = tuple(
        f"{c.variant}: {line(c.reason).rstrip('.')}." for c in result.runtime_counters if c.reason
    )
    return CounterTable(tuple(title for title, _, _ in columns), rows, absent)


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


def _value(values: dict[str, float], unit: str, names: tuple[str, ...]) -> str:
    value = next((values[name] for name in names if name in values), None)
    if value is None:
        return _NOTHING
    return quantity(value, unit) if unit else f"{value:,.0f}"
