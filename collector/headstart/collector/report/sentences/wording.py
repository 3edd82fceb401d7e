"""The sentences that all formats share, so that no two of them say it differently.

What a server does in its first seconds is never called throughput: a warming JIT
would be sold short. Sentences say "in the first 5 s of load" or "steady throughput".
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from headstart.collector.findings import (
    Basis,
    Comparison,
    Interval,
    RunResult,
    Shape,
    VariantWarmup,
    Verdict,
    as_far_as,
)
from headstart.collector.findings.quantities import digits, per_cent, quantity, ratio
from headstart.collector.report.sentences.catching_up import catching_up
from headstart.collector.report.sentences.ramp_words import ramp_sentences
from headstart.collector.report.sentences.text import line
from headstart.words import metrics
from headstart.words.metric import Metric
from headstart.words.metrics import FIRST_SECONDS, METRICS, STEADY_METRICS
from headstart.words.outcomes import RAN

# A sign beside each word, for those who do not see its colour.
SIGNS = {
    Verdict.BETTER: "+",
    Verdict.WORSE: "−",
    Verdict.EQUIVALENT: "=",
    Verdict.INCONCLUSIVE: "?",
    Verdict.UNAVAILABLE: "·",
}

# Below this factor a difference reads better in per cent.
_FACTOR = 1.5


@dataclass(frozen=True)
class _Words:
    """How a metric's difference is said: "{variant} <phrase> {baseline}", {x} the amount.

    A rise of half and more is a factor; a fall is one only where `fall_factor` says so
    ("9.8× faster"), since "three times less" is read in two ways.
    """

    fall: str
    rise: str
    rise_factor: str
    same: str
    whether: str
    fall_factor: str = ""


def _memory(when: str) -> _Words:
    return _Words(
        fall=f"needs {{x}} less memory {when} than",
        rise=f"needs {{x}} more memory {when} than",
        rise_factor=f"needs {{x}} the memory {when} of",
        same=f"needs as much memory {when} as",
        whether=f"needs less memory {when} than",
    )


def _job(which: str) -> _Words:
    return _Words(
        fall=f"does {which} in {{x}} less time than",
        rise=f"takes {{x}} more time for {which} than",
        rise_factor=f"does {which} {{x}} slower than",
        same=f"does {which} as fast as",
        whether=f"does {which} faster than",
        fall_factor=f"does {which} {{x}} faster than",
    )


_FIRST = f"in the first {FIRST_SECONDS:g} s of load"
# Main figures of which a sentence says more than their title does.
_HEADLINES: dict[Metric, _Words] = {
    metrics.STARTUP: _Words(
        fall="starts in {x} less time than",
        rise="takes {x} more time to start than",
        rise_factor="starts {x} slower than",
        same="starts as fast as",
        whether="starts faster than",
        fall_factor="starts {x} faster than",
    ),
    metrics.JOB: _job("a short job"),
    metrics.LONG_JOB: _job("a long job"),
    metrics.JOB_MEMORY: _memory("for a short job"),
    metrics.LONG_JOB_MEMORY: _memory("for a long job"),
    metrics.RSS_IDLE: _memory("idle"),
    metrics.RSS_LOAD: _memory("under load"),
    metrics.THROUGHPUT_FIRST: _Words(
        fall=f"serves {{x}} fewer requests {_FIRST} than",
        rise=f"serves {{x}} more requests {_FIRST} than",
        rise_factor=f"serves {{x}} as many requests {_FIRST} as",
        same=f"serves as many requests {_FIRST} as",
        whether=f"serves more requests {_FIRST} than",
    ),
    metrics.THROUGHPUT_STEADY: _Words(
        fall="has {x} less steady throughput than",
        rise="has {x} more steady throughput than",
        rise_factor="has {x} the steady throughput of",
        same="has the same steady throughput as",
        whether="has more steady throughput than",
    ),
}


def _words_of(metric: Metric) -> _Words:
    """A headline without words of its own is called by its title."""
    title = metric.title[:1].lower() + metric.title[1:]
    return _HEADLINES.get(metric) or _Words(
        fall=f"has {{x}} less {title} than",
        rise=f"has {{x}} more {title} than",
        rise_factor=f"has {{x}} the {title} of",
        same=f"has the same {title} as",
        whether=f"has {'less' if metric.lower_is_better else 'more'} {title} than",
    )


@dataclass(frozen=True)
class Sentence:
    """A finding in words, with the verdict that it states."""

    text: str
    verdict: Verdict


def headlines(result: RunResult, variant: str) -> list[Sentence]:
    """What is found of a variant, the most asked-for first.

    Where a variant failed as a whole, its recommendation says so, or else one sentence.
    """
    comparisons = [
        found
        for metric in metrics.MAIN
        if (metric.headline or metric in _HEADLINES)
        and (found := result.comparison(metric.name, variant)) is not None
    ]
    reasons = {c.reason for c in comparisons}
    if len(comparisons) > 1 and len(reasons) == 1 and _all_unavailable(comparisons):
        if any(each.variant == variant for each in result.recommendations) and any(
            v.variant == variant and v.outcome not in RAN for v in result.variants
        ):
            return []
        text = f"{variant} cannot be compared with {result.baseline}: {line(reasons.pop())}."
        return [Sentence(text, Verdict.UNAVAILABLE)]
    return [Sentence(_headline(result, c), c.verdict) for c in comparisons]


def _all_unavailable(comparisons: list[Comparison]) -> bool:
    return all(c.verdict is Verdict.UNAVAILABLE for c in comparisons)


def _headline(result: RunResult, comparison: Comparison) -> str:
    words = _words_of(METRICS[comparison.metric])
    variant, baseline = comparison.variant, comparison.baseline
    title = METRICS[comparison.metric].title
    if comparison.ratio is None or comparison.verdict is Verdict.UNAVAILABLE:
        reason = line(comparison.reason)
        return f"{title}: {variant} cannot be compared with {baseline}: {reason}."
    figures = _figures(result, comparison)
    colon = f": {figures}" if figures else ""
    seen = _seen(result, comparison)
    by_ratio = _evidence(
        comparison, ", ".join(filter(None, [seen, f"ratio {ratio(comparison.ratio)}"])), ratio, ""
    )
    if comparison.verdict is Verdict.INCONCLUSIVE:
        return (
            f"Whether {variant} {words.whether} {baseline} is undecided{colon}{by_ratio}; "
            f"{line(comparison.reason)}."
        )
    if comparison.verdict is Verdict.EQUIVALENT:
        margin = f"{comparison.margin * 100:g} %"
        return f"{variant} {words.same} {baseline}, within {margin}{colon}{by_ratio}."
    return _difference(comparison, comparison.ratio, words, colon, seen)


def _seen(result: RunResult, comparison: Comparison) -> str:
    """Of a steady figure, how much load it was seen in; else empty."""
    if comparison.metric not in STEADY_METRICS:
        return ""
    return as_far_as(result.load.variant_warmups, comparison.variant, comparison.baseline)


def _difference(comparison: Comparison, value: float, words: _Words, colon: str, seen: str) -> str:
    """A verdict of better or worse, its interval in the terms of the amount."""
    if value >= _FACTOR:
        phrase, amount, ends, unit = words.rise_factor, digits(value), digits, "×"
    elif value <= 1 / _FACTOR and words.fall_factor:
        phrase, amount, ends, unit = words.fall_factor, _inverse(value), _inverse, "×"
    else:
        phrase = words.rise if value > 1 else words.fall
        amount, ends, unit = per_cent(value - 1), _change, " %"
    evidence = _evidence(comparison, seen, ends, unit)
    said = phrase.format(x=f"{amount}{unit}")
    return f"{comparison.variant} {said} {comparison.baseline}{colon}{evidence}."


def _inverse(value: float) -> str:
    """How many times less; a report that somebody hands on may say of nothing."""
    times = 1 / value if value else math.inf
    # Of a number that is next to nothing the inverse is more than one can hold.
    return digits(times) if math.isfinite(times) else "∞"


def _change(value: float) -> str:
    return per_cent(value - 1)


def _figures(result: RunResult, comparison: Comparison) -> str:
    """Both sides' figures: "29.6 ms against 286 ms"."""
    sides = [
        result.figure(comparison.metric, name) for name in (comparison.variant, comparison.baseline)
    ]
    centers = [side.center for side in sides if side is not None and side.center is not None]
    if len(centers) < 2:
        return ""
    unit = METRICS[comparison.metric].unit
    return " against ".join(quantity(value, unit) for value in centers)


def _evidence(comparison: Comparison, first: str, end: Callable[[float], str], unit: str) -> str:
    """In brackets: interval, blocks, and whether flagged trials were used."""
    parts = [first] if first else []
    if comparison.interval is not None:
        ends = [end(comparison.interval.low), end(comparison.interval.high)]
        if end in (_inverse, _change) and (comparison.ratio or 1) < 1:
            ends.reverse()
        span = "–".join(dict.fromkeys(ends))
        parts.append(f"{comparison.confidence * 100:g} % interval {span}{unit}")
    parts.append("1 block" if comparison.blocks == 1 else f"{comparison.blocks} blocks")
    if comparison.basis is Basis.FLAGGED:
        parts.append("from flagged trials")
    if comparison.basis is Basis.BOUNDED:
        parts.append(f"the worst case of {comparison.disturbed_blocks} disturbed")
    return f" ({', '.join(parts)})"


def between(interval: Interval) -> str:
    """An interval of ratios."""
    return f"{ratio(interval.low)}–{ratio(interval.high)}"


def ratio_cell(value: float | None, interval: Interval | None, nothing: str = "") -> str:
    """Ratio and interval for a table."""
    if value is None:
        return nothing
    return f"{ratio(value)} ({between(interval)})" if interval is not None else ratio(value)


def courses(result: RunResult) -> Iterator[str]:
    """What each variant's load looked like over time, a sentence each."""
    for warmup in result.load.variant_warmups:
        yield _course(result, warmup)
    for found in result.load.break_evens:
        yield catching_up(result, found)
    yield from ramp_sentences(result)


def _course(result: RunResult, warmup: VariantWarmup) -> str:
    name = warmup.variant
    first = center(result, metrics.THROUGHPUT_FIRST.name, name)
    steady = center(result, metrics.THROUGHPUT_STEADY.name, name)
    begins = f"{first} {_FIRST}, " if first else ""
    if not steady:
        if not warmup.reason:
            return f"{name} has no usable figures under load."
        last = _last_second(result, name)
        ends = f"{last} in the last second; " if last else ""
        return f"{name} {warmup.reason}: {begins}{ends}it has no steady throughput to compare."
    since = warmup.steady_from_seconds or 0.0
    seen = as_far_as([warmup], name)
    if warmup.shape == Shape.FLAT:
        return f"{name} is level from the start, {seen}: steady throughput {steady}{_of(warmup)}."
    verbs = {Shape.WARMUP: "warms up", Shape.SLOWDOWN: "slows down"}
    verb = verbs.get(warmup.shape, "takes another course from trial to trial")
    return (
        f"{name} {verb}: {begins}steady throughput {steady} from {digits(since)} s on, "
        f"{seen}{_of(warmup)}."
    )


def _of(warmup: VariantWarmup) -> str:
    company = (
        f", {warmup.decided_jointly} of them too restless to tell without the others"
        if warmup.decided_jointly
        else ""
    )
    if warmup.settled == warmup.trials:
        return " (1 trial)" if warmup.trials == 1 else f" ({warmup.trials} trials{company})"
    return f" ({warmup.settled} of {warmup.trials} trials settled{company})"


def center(result: RunResult, metric: str, variant: str) -> str:
    """A variant's figure; empty where there is none."""
    figure = result.figure(metric, variant)
    if figure is None or figure.center is None:
        return ""
    return quantity(figure.center, METRICS[metric].unit)


def _last_second(result: RunResult, variant: str) -> str:
    last = sorted(
        w.last_second_per_second
        for w in result.load.warmups
        if w.variant == variant and w.last_second_per_second is not None
    )
    return quantity(last[len(last) // 2], "per_second") if last else ""
