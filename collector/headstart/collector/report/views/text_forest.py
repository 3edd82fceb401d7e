"""Ratios to the baseline as lines of text: what a plot shows, where no plot can be."""

import math

from headstart.collector.findings import Comparison, RunResult
from headstart.collector.findings.quantities import ratio
from headstart.collector.report.sentences.text import line
from headstart.words import metrics
from headstart.words.metrics import METRICS

_WIDTH = 41
_ONE, _MARK, _SPAN = "┊", "●", "─"
# An axis is never narrower than this, so that a difference of a percent looks like one.
_LEAST_REACH = 1.25


def forest_lines(result: RunResult) -> list[str]:
    """One line for each variant and metric that a decision is made by; empty: no ratios.

    The axis is logarithmic, with 1 in it: left of it is less than the baseline.
    """
    shown = [
        found
        for metric in metrics.MAIN
        for found in result.comparisons
        if found.metric == metric.name and found.ratio is not None and found.ratio > 0
    ]
    if not shown:
        return []
    ends = [end for found in shown for end in _ends(found)]
    low, high = min(*ends, 1 / _LEAST_REACH), max(*ends, _LEAST_REACH)
    labels = [f"{line(found.variant)}: {METRICS[found.metric].title}" for found in shown]
    head = f"ratio to {line(result.baseline)}"
    wide = max(map(len, (head, *labels)))
    scale = f"{ratio(low)}{ratio(high):>{_WIDTH - len(ratio(low))}}"
    rows = [
        f"{label:{wide}}  {_row(found, low, high)}  {ratio(found.ratio or 0)} {found.verdict.value}"
        for label, found in zip(labels, shown, strict=True)
    ]
    return [f"{head:{wide}}  {scale}", *rows]


def _ends(found: Comparison) -> tuple[float, ...]:
    interval = found.interval
    inner = (interval.low, interval.high) if interval is not None else ()
    return tuple(end for end in (found.ratio or 0, *inner) if 0 < end < math.inf)


def _row(found: Comparison, low: float, high: float) -> str:
    cells = [" "] * _WIDTH

    def at(value: float) -> int:
        share = math.log(value / low) / math.log(high / low)
        return min(_WIDTH - 1, max(0, round(share * (_WIDTH - 1))))

    ends = _ends(found)
    for cell in range(at(min(ends)), at(max(ends)) + 1):
        cells[cell] = _SPAN
    cells[at(1.0)] = _ONE
    cells[at(found.ratio or 1.0)] = _MARK
    return "".join(cells)
