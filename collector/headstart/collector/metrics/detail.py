"""Which series of a run are always exposed, and which only where all detail is asked for.

What decides and what boards lead with is always there: at most 60 series a variant, as experiments
have them. docs/adr/0042 says what is left out.
"""

from headstart.collector.metrics.families import BREAK_EVEN, BREAK_EVEN_INFO, START_STAMP, Sample
from headstart.words import metrics
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS

_BY_SERIES = {metric.series: metric for metric in METRICS.values()}
# Next to each of them another figure says nearly the same, or what it is for.
_DETAIL = frozenset(
    metric.name
    for metric in (
        metrics.MEMORY_HIGH_WATER,
        metrics.BUILD_CPU,
        metrics.BUILD_MEMORY,
        metrics.IMAGE_ABOVE_BASE,
        metrics.IMAGE_OWN,
        metrics.PULL_TRANSFERRED,
    )
)
_HEADLINES = frozenset(name for name, metric in METRICS.items() if metric.headline)
_DETAIL_FAMILIES = frozenset(
    (START_STAMP.name, BREAK_EVEN_INFO.name, BREAK_EVEN.name, "headstart_checks_passed")
)
_INTERVAL = ("ci_low", "ci_high")


def is_detail(sample: Sample) -> bool:
    """Whether a series of a run is left out unless all detail is asked for."""
    if (metric := _BY_SERIES.get(sample.family)) is not None:
        return _figure_is_detail(metric, sample.labels[-1])
    if sample.family == "headstart_ratio":
        return sample.labels[-2] not in _HEADLINES
    if sample.family == "headstart_verdict":
        return sample.labels[-3] not in _HEADLINES
    return sample.family in _DETAIL_FAMILIES


def _figure_is_detail(metric: Metric, stat: str) -> bool:
    if stat == "center":
        return metric.name in _DETAIL
    return stat not in _INTERVAL or metric.name not in _HEADLINES
