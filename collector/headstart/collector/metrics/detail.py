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
_DETAIL = (
    metrics.MEMORY_HIGH_WATER,
    metrics.BUILD_CPU,
    metrics.BUILD_MEMORY,
    metrics.IMAGE_ABOVE_BASE,
    metrics.IMAGE_OWN,
    metrics.PULL_TRANSFERRED,
)
_DETAIL_FAMILIES = frozenset(
    (START_STAMP.name, BREAK_EVEN_INFO.name, BREAK_EVEN.name, "headstart_checks_passed")
)
_INTERVAL = ("ci_low", "ci_high")


def is_detail(sample: Sample) -> bool:
    """Whether a series of a run is left out unless all detail is asked for."""
    if (metric := _BY_SERIES.get(sample.family)) is not None:
        return _figure_is_detail(metric, sample.labels[-1])
    if sample.family == "headstart_ratio":
        return not _is_headline(sample.labels[-2])
    if sample.family == "headstart_verdict":
        return not _is_headline(sample.labels[-3])
    return sample.family in _DETAIL_FAMILIES


def _figure_is_detail(metric: Metric, stat: str) -> bool:
    if stat == "center":
        return metric in _DETAIL
    return stat not in _INTERVAL or not metric.headline


def _is_headline(name: str) -> bool:
    return name in METRICS and METRICS[name].headline
