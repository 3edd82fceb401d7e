"""What the trials of `bench.startup` say, as rows."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.table import BenchRow, percentile

BIAS_MS = 0.3
ERROR_MS = 1.0
# Of the server whose start is as short as those of real AOT programs.
SPREAD_MS = {10: 0.15}
AGREEMENT_MS = 0.5
AGREEMENT_SHARE = 0.95
_WORDS_OF_NONE = ", figures of those that are not"


@dataclass(frozen=True)
class Trial:
    """Times in ms. `apart_ms`: the kernel's exec stamp after the gate's; None: not seen."""

    startup_ms: float
    error_ms: float
    exec_to_main_ms: float
    apart_ms: float | None
    valid: bool


@dataclass
class Row:
    """The trials of one runtime and amount of work."""

    runtime: str
    work_ms: int
    trials: list[Trial]

    @property
    def valid(self) -> list[Trial]:
        """Those that no flag makes invalid."""
        return [trial for trial in self.trials if trial.valid]

    @property
    def name(self) -> str:
        """As in a sentence."""
        return f"{self.work_ms} ms, {self.runtime}"


def startup_row(row: Row, judged_from: int) -> BenchRow:
    """Bias, 95th percentile and spread of the error over valid trials."""
    judged = row.valid or row.trials
    errors = [trial.error_ms for trial in judged]
    bias, p95 = statistics.median(errors), percentile(errors, 0.95)
    spread = statistics.stdev(errors) if len(errors) > 1 else 0.0
    allowed = SPREAD_MS.get(row.work_ms, math.inf)
    exec_to_main = statistics.median(trial.exec_to_main_ms for trial in judged)
    budget = f"bias <= {BIAS_MS} ms, p95 error <= {ERROR_MS:g} ms"
    within = bias <= BIAS_MS and p95 <= ERROR_MS and spread <= allowed
    return BenchRow(
        what=f"startup of a {row.work_ms} ms server, {row.runtime}",
        measured=(
            f"bias {bias:.3f} ms, p95 error {p95:.3f} ms, sd of the error {spread:.3f} ms;"
            f" valid {len(row.valid)} of {len(row.trials)}{_WORDS_OF_NONE if not row.valid else ''}"
        ),
        budget=budget if math.isinf(allowed) else f"{budget}, sd <= {allowed} ms",
        ratio=(
            f"bias {bias / statistics.median(t.startup_ms for t in judged):.2%} of the startup;"
            f" exec to main {exec_to_main:.2f} ms"
        ),
        ok=within if len(row.valid) >= judged_from else None,
    )


def agreement_row(rows: Sequence[Row]) -> BenchRow:
    """Over all trials, flagged ones too: those that disagree are flagged for it."""
    apart = {row.name: [t.apart_ms for t in row.trials if t.apart_ms is not None] for row in rows}
    heard = [each for values in apart.values() for each in values]
    by_row = "; ".join(f"{name}: {_agreeing(values):.0%}" for name, values in apart.items())
    p95 = f"p95 {percentile(heard, 0.95):.2f} ms apart" if heard else "none heard"
    return BenchRow(
        what=f"gate and proc connector agree on the exec within {AGREEMENT_MS} ms",
        measured=f"in {_agreeing(heard):.1%} of {len(heard)} trials, {p95}",
        budget=f">= {AGREEMENT_SHARE:.0%}",
        ratio=by_row,
        ok=_agreeing(heard) >= AGREEMENT_SHARE if heard else None,
    )


def _agreeing(apart_ms: Sequence[float]) -> float:
    """The kernel's stamp is the later one: before the gate's it does not agree either."""
    if not apart_ms:
        return 0.0
    return sum(0 <= each <= AGREEMENT_MS for each in apart_ms) / len(apart_ms)
