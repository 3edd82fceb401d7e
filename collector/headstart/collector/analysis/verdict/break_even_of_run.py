"""Break-evens of a run: which trials count, and which may be extrapolated."""

from collections.abc import Mapping

from headstart.collector.analysis.statistics.intervals import MINIMUM_BLOCKS
from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.verdict.break_even import Work, break_even, work_of
from headstart.collector.analysis.warmup.courses import is_steady
from headstart.collector.findings import BreakEven, VariantWarmup
from headstart.collector.findings.run_info import RunInfo
from headstart.words import metrics
from headstart.words.metrics import METRICS

_THROUGHPUT = metrics.THROUGHPUT_STEADY.name


def break_evens(
    info: RunInfo,
    loads: Mapping[int, TrialLoad],
    right: set[int],
    warmups: Mapping[str, VariantWarmup],
) -> tuple[BreakEven, ...]:
    """One for every variant that has load in a block in which the baseline has it.

    `right` are the trials whose answers were; of them flagged ones count where fewer
    than three valid ones are left, as for every figure. A rate at which more work was
    asked for than a variant can do is not known, so an open-loop load has none.
    """
    experiment = info.experiment
    if experiment.load.rate_per_second:
        return ()
    margin = experiment.margins.get(_THROUGHPUT, METRICS[_THROUGHPUT].margin)

    def works(variant: str) -> list[Work]:
        own = [load for n, load in loads.items() if load.series.variant == variant and n in right]
        valid = [load for load in own if load.series.valid]
        steady = variant in warmups and is_steady(warmups[variant])
        return [
            work
            for load in (valid if len(valid) >= MINIMUM_BLOCKS else own)
            if (work := work_of(load.series, load.warmup.steady_per_second if steady else None))
        ]

    baseline = works(experiment.baseline)
    found = (
        break_even(
            (experiment.baseline, baseline),
            (variant.name, works(variant.name)),
            margin=margin,
        )
        for variant in experiment.variants
        if variant.name != experiment.baseline
    )
    return tuple(one for one in found if one is not None)
