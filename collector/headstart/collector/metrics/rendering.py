"""Samples as text, each run's once, and text joined to a page."""

import gzip
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from headstart.collector.metrics.families import Family, Sample

# Level 9, the client library's own choice, costs ten times as much for a tenth less bytes.
GZIP_LEVEL = 1


@dataclass(frozen=True)
class Fragment:
    """Rendered samples by family name, and how many series they are."""

    lines: dict[str, bytes]
    series: int
    # Series that were not rendered, by reason.
    dropped: Counter[str]


@dataclass(frozen=True)
class Page:
    """All series of some families, as they are served."""

    plain: bytes
    compressed: bytes
    series: int
    dropped: Counter[str]
    # Results of which nothing is shown.
    left_out: int = 0


class _Families:
    """Finished metric families in the form that `generate_latest` asks for."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def page_of(
    families: Sequence[Family],
    fragments: Sequence[Fragment],
    dropped: Counter[str] | None = None,
) -> Page:
    """Joins fragments by family: the format wants all series of a metric together."""
    parts: list[bytes] = []
    for family in families:
        lines = [f.lines[family.name] for f in fragments if family.name in f.lines]
        if lines:
            parts += [_text(family, {}), *lines]
    plain = b"".join(parts)
    return Page(
        plain=plain,
        compressed=gzip.compress(plain, GZIP_LEVEL, mtime=0),
        series=sum(fragment.series for fragment in fragments),
        dropped=sum((f.dropped for f in fragments), dropped or Counter()),
    )


def rendered(store: str, families: Sequence[Family], samples: Iterable[Sample]) -> Fragment:
    """Samples of these families as text, each with the label `store`."""
    values: dict[str, dict[tuple[str, ...], float]] = {family.name: {} for family in families}
    dropped: Counter[str] = Counter()
    for sample in samples:
        if sample.family not in values:
            dropped["unknown"] += 1
        elif not math.isfinite(sample.value):
            dropped["not_finite"] += 1
        elif sample.labels in values[sample.family]:
            # Two names that differ only in what a label cannot hold.
            dropped["duplicate"] += 1
        else:
            values[sample.family][sample.labels] = sample.value
    lines = {
        family.name: _text(family, values[family.name], store).removeprefix(_text(family, {}))
        for family in families
        if values[family.name]
    }
    return Fragment(lines, sum(map(len, values.values())), dropped)


def of_store(store: str, families: Iterable[Metric]) -> bytes:
    """Families of prometheus_client as text, each sample with the label `store`."""
    found = list(families)
    for family in found:
        family.samples = [s._replace(labels={"store": store, **s.labels}) for s in family.samples]
    return generate_latest(_Families(found))


def _text(family: Family, values: dict[tuple[str, ...], float], store: str = "") -> bytes:
    metric = GaugeMetricFamily(family.name, family.documentation, labels=("store", *family.labels))
    for labels, value in values.items():
        metric.add_metric((store, *labels), value)
    return generate_latest(_Families([metric]))
