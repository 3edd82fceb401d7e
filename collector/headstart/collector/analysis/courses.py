"""The courses of a variant's trials, together: what may be said of its steady state."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from headstart.collector.analysis.warmup import Shape
from headstart.collector.results import VariantWarmup, Warmup

# A JIT that serves at one speed for ten or twenty seconds may be about to serve at twice
# that: tiers are compiled when there is time, and under load on one core there is little.
# No series tells that in advance. .NET 10 was seen to take 30 s; the third that must be
# steady comes on top.
JIT_SECONDS = 45.0
# A shape that this share of the trials has is the variant's.
_AGREEMENT = 0.75


def variant_warmup(variant: str, warmups: Sequence[Warmup], *, may_have_jit: bool) -> VariantWarmup:
    """Valid trials decide; where there is none, all do. `warmups` must not be empty."""
    trials = [w for w in warmups if w.valid] or list(warmups)
    shape, agreeing = Counter(w.shape for w in trials).most_common(1)[0]
    settled = [w for w in trials if w.steady_from_seconds is not None]
    observed = median(w.observed_seconds for w in trials)
    reason = _reason(trials, len(settled))
    if settled and may_have_jit and observed < 0.98 * JIT_SECONDS:
        settled = []
        reason = (
            f"was under load for {observed:.0f} s only, less than the {JIT_SECONDS:.0f} s "
            "after which a JIT is believed to be warm"
        )
    return VariantWarmup(
        variant=variant,
        shape=shape if agreeing >= _AGREEMENT * len(trials) else "inconsistent",
        trials=len(trials),
        settled=len(settled),
        steady_from_seconds=(
            median(w.steady_from_seconds for w in settled if w.steady_from_seconds is not None)
            if settled
            else None
        ),
        observed_seconds=observed,
        reason=reason,
    )


def is_steady(warmup: VariantWarmup) -> bool:
    """Whether a steady figure may stand for the variant.

    The trials that settled are a selection: where half did not, their mean would be the
    figure of the lucky ones.
    """
    return 2 * warmup.settled > warmup.trials


def _reason(trials: Sequence[Warmup], settled: int) -> str:
    """How those that did not settle ended, most often; empty when all settled."""
    if settled == len(trials):
        return ""
    unsettled = [w for w in trials if w.steady_from_seconds is None]
    reason, _ = Counter(w.reason for w in unsettled).most_common(1)[0]
    if all(w.shape in (Shape.NO_SERIES, Shape.RISING_RATE) for w in unsettled):
        return reason
    seconds = median(w.observed_seconds for w in unsettled)
    share = "" if len(trials) == 1 else f" in {len(unsettled)} of {len(trials)} trials"
    return f"{reason} after {seconds:.0f} s of load{share}"
