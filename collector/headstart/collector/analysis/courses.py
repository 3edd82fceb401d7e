"""The courses of a variant's trials, together: what may be said of its steady state."""

from collections import Counter
from collections.abc import Sequence
from statistics import median

from headstart.collector.results import VariantWarmup, Warmup

# A shape that this share of the trials has is the variant's.
_AGREEMENT = 0.75


def variant_warmup(variant: str, warmups: Sequence[Warmup]) -> VariantWarmup:
    """Valid trials decide; where there is none, all do. `warmups` must not be empty."""
    trials = [w for w in warmups if w.valid] or list(warmups)
    shape, agreeing = Counter(w.shape for w in trials).most_common(1)[0]
    settled = [w for w in trials if w.steady_from_seconds is not None]
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
        observed_seconds=median(w.observed_seconds for w in trials),
        reason=_reason(trials, len(settled)),
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
    seconds = median(w.observed_seconds for w in unsettled)
    share = "" if len(trials) == 1 else f" in {len(unsettled)} of {len(trials)} trials"
    return f"{reason} after {seconds:.0f} s of load{share}"
