"""What a benchmark says: rows of one table."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class BenchRow:
    """One figure. `ratio` sets it against a reference measured in the same run."""

    what: str
    measured: str
    budget: str
    ratio: str
    # Within the budget; None: not judged, the machine was too busy or has not what it takes.
    ok: bool | None


_COLUMNS = ("what", "measured", "budget", "ratio", "ok")
_WORDS = {True: "yes", False: "NO", None: "not judged"}


def print_table(rows: Iterable[BenchRow]) -> None:
    """As Markdown, aligned, for a terminal and for docs/METHODOLOGY.md alike."""
    cells = [(row.what, row.measured, row.budget, row.ratio, _WORDS[row.ok]) for row in rows]
    print_cells(_COLUMNS, cells)


def print_cells(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """A table of other columns, in the same form."""
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    for line in [columns, tuple("-" * width for width in widths), *cells]:
        padded = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("| " + " | ".join(padded) + " |", flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]
