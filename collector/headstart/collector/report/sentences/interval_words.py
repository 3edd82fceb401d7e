"""What the intervals of a report are, how many there are, and what no ratio rests on."""

from collections.abc import Iterator, Sequence

from headstart.collector.findings import Comparison, RunResult
from headstart.collector.report.sentences.text import line
from headstart.words.metrics import METRICS

_USUAL = 0.95
# From so many blocks on an interval of a ratio is of signed ranks.
_RANKED = 6
# More names than these are counted, not listed.
_NAMED = 3


def interval_note(result: RunResult) -> str:
    """Once for the whole report."""
    return " ".join(_sentences(result))


def _sentences(result: RunResult) -> Iterator[str]:
    told = [c for c in result.comparisons if c.interval is not None]
    if any(c.confidence > _USUAL for c in result.comparisons):
        yield (
            "Intervals hold at 95 % over all looks together: the run was to stop when decided, so "
            "each of its four looks takes them at 98.75 %."
        )
    else:
        yield "Intervals are at 95 %, and what is counted is the trial."
    lower = sorted({f.confidence for f in result.figures if f.interval and f.confidence < _USUAL})
    for level in lower:
        yield (
            f"Of five trials a figure's interval is their whole range, which holds the median in "
            f"{level * 100:g} %."
        )
    if any(_is_of_few_blocks(c) for c in told):
        yield (
            f"Those of ratios of fewer than {_RANKED} blocks are Student's t, which holds "
            "between 90 and 98 % where one trial in ten is far off the others."
        )
    if len(told) > 1:
        yield (
            f"{len(told)} comparisons were made, each with an interval of its own: on average "
            f"{_by_chance(told)} of them miss the true ratio by chance."
        )
    if apart := [c for c in told if _apart(result, c)]:
        yield (
            "A ratio is the middle of the ratios within each block, from which what slows a whole "
            "block cancels; the figures beside it are medians of the trials that count. They "
            f"differ for {_listed(apart)}, and the ratio is what is judged."
        )
    if lone := [c for c in told if c.lone_blocks]:
        most = max(c.lone_blocks for c in lone)
        blocks = "1 block" if most == 1 else f"up to {most} blocks"
        yield (f"In {blocks} only one side was valid: they are in no ratio ({_listed(lone)}).")


def _is_of_few_blocks(comparison: Comparison) -> bool:
    # The memory floor, of one search, has a bracket.
    return 1 < comparison.blocks < _RANKED and comparison.confidence == _USUAL


def _by_chance(told: Sequence[Comparison]) -> str:
    return f"{sum(1 - c.confidence for c in told):.1f}"


def _apart(result: RunResult, comparison: Comparison) -> bool:
    sides = [
        result.figure(comparison.metric, name) for name in (comparison.variant, comparison.baseline)
    ]
    centers = [side.center for side in sides if side is not None and side.center]
    return len(centers) == len(sides) and comparison.is_apart(*centers)


def _listed(comparisons: Sequence[Comparison]) -> str:
    named = [
        f"{_within(METRICS[c.metric].title)} of {line(c.variant)}" for c in comparisons[:_NAMED]
    ]
    rest = len(comparisons) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")


def _within(title: str) -> str:
    """As within a sentence: "startup", but "CPU time of startup"."""
    return title if title[1:2].isupper() else title[0].lower() + title[1:]
