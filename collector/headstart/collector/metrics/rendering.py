"""Samples as text, each run's once, and text joined to a page."""

import gzip
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter

from prometheus_client import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.utils import floatToGoString

from headstart.collector.metrics.families import Family, Sample

# The library's own form of a number; it has no types.
_number: Callable[[float], str] = floatToGoString

# Level 9, the client library's own choice, costs ten times as much for a tenth less bytes.
GZIP_LEVEL = 1


class Fragment:
    """Samples of some families, with the label `store`: text from when it is asked for on.

    A collector that starts takes up thousands of results, and has no room for the detail of most.
    """

    def __init__(
        self, store: str, values: dict[Family, dict[tuple[str, ...], float]], dropped: Counter[str]
    ) -> None:
        self.series = sum(map(len, values.values()))
        # Series that are not there, by reason.
        self.dropped = dropped
        self._store = store
        self._values = values
        self._lines: dict[str, bytes] = {}

    @property
    def lines(self) -> dict[str, bytes]:
        """The text of each family that has samples, by its name."""
        for family, values in self._values.items():
            self._lines[family.name] = _lines(family, values, self._store)
        self._values = {}
        return self._lines


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
            parts += [_head(family), *lines]
    plain = b"".join(parts)
    return Page(
        plain=plain,
        compressed=gzip.compress(plain, GZIP_LEVEL, mtime=0),
        series=sum(fragment.series for fragment in fragments),
        dropped=sum((f.dropped for f in fragments), dropped or Counter()),
    )


def fragment_of(store: str, families: Sequence[Family], samples: Iterable[Sample]) -> Fragment:
    """What can be shown of samples of these families."""
    known = {family.name: family for family in families}
    values: dict[Family, dict[tuple[str, ...], float]] = {}
    dropped: Counter[str] = Counter()
    for sample in samples:
        if sample.family not in known:
            dropped["unknown"] += 1
        elif not math.isfinite(sample.value):
            dropped["not_finite"] += 1
        elif sample.labels in (of_family := values.setdefault(known[sample.family], {})):
            # Two names that differ only in what a label cannot hold.
            dropped["duplicate"] += 1
        else:
            of_family[sample.labels] = sample.value
    return Fragment(store, values, dropped)


def of_store(store: str, families: Iterable[Metric]) -> bytes:
    """Families of prometheus_client as text, each sample with the label `store`."""
    found = list(families)
    for family in found:
        family.samples = [s._replace(labels={"store": store, **s.labels}) for s in family.samples]
    return generate_latest(_Families(found))


@cache
def _head(family: Family) -> bytes:
    """The lines HELP and TYPE."""
    return generate_latest(_Families([GaugeMetricFamily(family.name, family.documentation)]))


def _lines(family: Family, values: dict[tuple[str, ...], float], store: str) -> bytes:
    """What `generate_latest` makes of them, at a fifth of its cost (3 us a series).

    A collector starts with 150,000 series, of which nobody sees one before all are there.
    """
    template, in_order = _form(family)
    lines = []
    for labels, value in values.items():
        held = in_order((_escaped(store), *map(_escaped, labels)))
        lines.append(template % (*held, _number(value)))
    return "".join(lines).encode()


@cache
def _form(family: Family) -> tuple[str, Callable[[tuple[str, ...]], tuple[str, ...]]]:
    """A line with room for label values and the value, and what puts the former in order."""
    places = sorted((name, place) for place, name in enumerate(("store", *family.labels)))
    names = ",".join(f'{name}="%s"' for name, _ in places)
    return f"{family.name}{{{names}}} %s\n", itemgetter(*(place for _, place in places))


# Names of experiments, hosts and variants come again and again.
@lru_cache(maxsize=8192)
def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
