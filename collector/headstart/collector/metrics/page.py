"""The text that Prometheus scrapes: rendered when results change, served as cached bytes.

Rendering costs ~6 us a series in Python, so a run is rendered once, when it arrives, and
kept as bytes by metric; a changed page is joined from those. The gzip form is a sequence
of members (RFC 1952, 2.2), which lets the cached results and the fresh health metrics be
compressed apart and sent as one body.
"""

import gzip
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from prometheus_client import Gauge, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from headstart.collector.findings import RunResult
from headstart.collector.metrics.families import (
    CURVE,
    HOST_FAMILIES,
    RESULT_FAMILIES,
    SHIFT_FAMILIES,
    Family,
    Sample,
    curve_samples,
    host_samples,
    run_samples,
    shift_samples,
)
from headstart.collector.own_metrics import SelfMetrics
from headstart.v1.experiments_pb2 import HostState, Shift
from headstart.words.foreign.clean import label
from headstart.words.states import RunWord

# A Prometheus of a gigabyte or two holds a million series; one collector may be one of many.
MAXIMUM_SERIES = 50_000

# Results are the point, but hosts must not vanish when there are many results: 1 in 5.
_HOST_SHARE = 5
# Regressions neither: 1 in 20.
_SHIFT_SHARE = 20

# Level 9, the client library's own choice, costs ten times as much for a tenth less bytes.
_GZIP_LEVEL = 1


@dataclass(frozen=True)
class _Fragment:
    """Rendered samples by family name, and how many series they are."""

    lines: dict[str, bytes]
    series: int
    # Series that were not rendered, by reason.
    dropped: Counter[str]


@dataclass(frozen=True)
class _ShownRun:
    run_id: str
    ended_unix_seconds: float
    figures: _Fragment
    curve: _Fragment


@dataclass(frozen=True)
class _Page:
    plain: bytes
    compressed: bytes
    series: int
    dropped: Counter[str]
    # Results of which nothing is shown.
    left_out: int = 0


class Exposition:
    """The latest ended run of every experiment on every host, the hosts, and our own health.

    `update` may be called from any thread, `scrape` at the same time from others.
    """

    def __init__(
        self,
        own: SelfMetrics,
        maximum_series: int = MAXIMUM_SERIES,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._own = own
        self._now = now
        self._host_room = maximum_series // _HOST_SHARE
        self._shift_room = maximum_series // _SHIFT_SHARE
        self._run_room = maximum_series - self._host_room - self._shift_room
        self._runs: dict[tuple[str, str], _ShownRun] = {}
        self._updating = threading.Lock()
        self._results = _page(RESULT_FAMILIES, [])
        self._hosts = _page(HOST_FAMILIES, [])
        self._shifts = _page(SHIFT_FAMILIES, [])
        self._unread = 0
        self._gauges = _Gauges(own)
        self._show(0.0)

    def update(
        self,
        results: Iterable[RunResult] = (),
        hosts: Sequence[HostState] | None = None,
        shifts: Sequence[Shift] | None = None,
    ) -> None:
        """Shows `results` in place of older runs of the same experiment and host.

        Runs shown before stay, so only new results need to be given; none is kept in memory
        beyond its rendered text. `hosts` and `shifts`, when given, are all there are. A run that
        was given up before it could say anything of a variant shows nothing and replaces
        nothing, and neither does an incomplete one: the last figures are still the last figures.
        """
        began = time.perf_counter()
        with self._updating:
            changes = [self._add(result) for result in results]
            if any(changes):
                self._results = self._result_page()
            if hosts is not None:
                self._hosts = self._host_page(hosts)
            if shifts is not None:
                self._shifts = self._shift_page(shifts)
            self._show(time.perf_counter() - began)

    @property
    def is_full(self) -> bool:
        """Whether a result had to be left out, so that an older one would be as well."""
        with self._updating:
            return self._results.left_out > 0

    def leave_out(self, results: int) -> None:
        """So many results are older than all that there was room for, and are not rendered."""
        with self._updating:
            self._unread = results
            self._show(0.0)

    def runs_on(self, host: str) -> list[str]:
        """The runs on a host that are shown now."""
        with self._updating:
            return [run.run_id for (_, name), run in self._runs.items() if name == label(host)]

    def shown(self) -> dict[tuple[str, str], str]:
        """The run that is shown of each experiment on each host, both as labels."""
        with self._updating:
            return {key: run.run_id for key, run in self._runs.items()}

    def remove(self, keys: Iterable[tuple[str, str]]) -> None:
        """Show nothing of these any more."""
        with self._updating:
            for key in keys:
                self._runs.pop(key, None)
            self._results = self._result_page()
            self._show(0.0)

    def scrape(self, compressed: bool = False) -> bytes:
        """The whole exposition, Prometheus text format 0.0.4, gzip when `compressed`.

        Cached but for the collector's own metrics, which are as of now.
        """
        own = generate_latest(_Families(self._own.families()))
        if compressed:
            health = gzip.compress(own, _GZIP_LEVEL, mtime=0)
            return b"".join([*(page.compressed for page in self._pages()), health])
        return b"".join([*(page.plain for page in self._pages()), own])

    def _pages(self) -> tuple["_Page", ...]:
        return self._results, self._hosts, self._shifts

    def _show(self, seconds: float) -> None:
        self._gauges.show(self._pages(), self._unread, seconds)

    def _add(self, result: RunResult) -> bool:
        key = (label(result.experiment), label(result.host.name))
        shown = self._runs.get(key)
        says_something = any(v.trials or v.failure_message for v in result.variants)
        result = _ended_by(result, self._now())
        # What ended in the future was stored while the clock was ahead.
        outdated = (
            shown is not None
            and result.ended_unix_seconds < shown.ended_unix_seconds <= self._now()
        )
        if outdated or not says_something or result.state == RunWord.INCOMPLETE:
            return False
        self._runs[key] = _ShownRun(
            result.run_id,
            result.ended_unix_seconds,
            _render(RESULT_FAMILIES, run_samples(result)),
            _render((CURVE,), curve_samples(result)),
        )
        return True

    def _result_page(self) -> _Page:
        """Newest runs first while there is room: with its curve, without it, or not at all."""
        room = self._run_room
        kept: list[_Fragment] = []
        dropped: Counter[str] = Counter()
        left_out = 0
        for run in sorted(self._runs.values(), key=lambda run: -run.ended_unix_seconds):
            if run.figures.series > room:
                dropped["cap"] += run.figures.series + run.curve.series
                left_out += 1
                continue
            kept.append(run.figures)
            room -= run.figures.series
            if run.curve.series > room:
                dropped["cap"] += run.curve.series
                continue
            kept.append(run.curve)
            room -= run.curve.series
        return replace(_page(RESULT_FAMILIES, kept, dropped), left_out=left_out)

    def _host_page(self, hosts: Sequence[HostState]) -> _Page:
        """Connected hosts first, then those heard of last, while there is room."""
        room = self._host_room
        kept: list[Sample] = []
        dropped: Counter[str] = Counter()
        for host in sorted(hosts, key=lambda h: (not h.connected, -h.last_seen_time_seconds)):
            samples = list(host_samples(host))
            if len(kept) + len(samples) <= room:
                kept += samples
            else:
                dropped["cap"] += len(samples)
        return _page(HOST_FAMILIES, [_render(HOST_FAMILIES, kept)], dropped)

    def _shift_page(self, shifts: Sequence[Shift]) -> _Page:
        """The newest first, while there is room."""
        samples: list[Sample] = []
        dropped: Counter[str] = Counter()
        for shift in reversed(shifts):
            of_one = list(shift_samples(shift))
            if len(samples) + len(of_one) <= self._shift_room:
                samples += of_one
            else:
                dropped["cap"] += len(of_one)
        return _page(SHIFT_FAMILIES, [_render(SHIFT_FAMILIES, samples)], dropped)


class _Gauges:
    """What the exposition says of itself, beside the collector's other health metrics."""

    def __init__(self, own: SelfMetrics) -> None:
        registry = own.registry
        self._series = Gauge(
            "headstart_exposition_series",
            "Series of results, hosts and shifts that are exposed.",
            registry=registry,
        )
        self._bytes = Gauge(
            "headstart_exposition_bytes",
            "Size of the cached text.",
            ["encoding"],
            registry=registry,
        )
        self._dropped = Gauge(
            "headstart_exposition_dropped_series",
            "Series that are not exposed. reason: cap (too many), not_finite, duplicate, "
            "unknown (a metric that this version does not know).",
            ["reason"],
            registry=registry,
        )
        self._left_out = Gauge(
            "headstart_exposition_dropped_results",
            "Results of which no series is exposed, since newer ones take all the room; of those"
            " that were older still at the start the series are not counted.",
            registry=registry,
        )
        self._build_seconds = Gauge(
            "headstart_exposition_build_seconds",
            "Time that the latest change of the exposition took to render.",
            registry=registry,
        )

    def show(self, pages: Sequence[_Page], unread: int, seconds: float) -> None:
        self._series.set(sum(page.series for page in pages))
        self._bytes.labels("plain").set(sum(len(page.plain) for page in pages))
        self._bytes.labels("gzip").set(sum(len(page.compressed) for page in pages))
        dropped = sum((page.dropped for page in pages), Counter[str]())
        for reason in ("cap", "not_finite", "duplicate", "unknown"):
            self._dropped.labels(reason).set(dropped[reason])
        self._left_out.set(unread + sum(page.left_out for page in pages))
        self._build_seconds.set(seconds)


def _ended_by(result: RunResult, now: float) -> RunResult:
    """A run that ended in the future, by a clock that was ahead, ended now: it is no news."""
    ahead = result.ended_unix_seconds - now
    if ahead <= 0:
        return result
    return replace(
        result,
        started_unix_seconds=result.started_unix_seconds - ahead,
        ended_unix_seconds=now,
    )


class _Families:
    """Finished metric families in the form that `generate_latest` asks for."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _page(
    families: Sequence[Family],
    fragments: Sequence[_Fragment],
    dropped: Counter[str] | None = None,
) -> _Page:
    """Joins fragments by family: the format wants all series of a metric together."""
    parts: list[bytes] = []
    for family in families:
        lines = [f.lines[family.name] for f in fragments if family.name in f.lines]
        if lines:
            parts += [_text(family, {}), *lines]
    plain = b"".join(parts)
    return _Page(
        plain=plain,
        compressed=gzip.compress(plain, _GZIP_LEVEL, mtime=0),
        series=sum(fragment.series for fragment in fragments),
        dropped=sum((f.dropped for f in fragments), dropped or Counter()),
    )


def _render(families: Sequence[Family], samples: Iterable[Sample]) -> _Fragment:
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
        family.name: _text(family, values[family.name]).removeprefix(_text(family, {}))
        for family in families
        if values[family.name]
    }
    return _Fragment(lines, sum(map(len, values.values())), dropped)


def _text(family: Family, values: dict[tuple[str, ...], float]) -> bytes:
    metric = GaugeMetricFamily(family.name, family.documentation, labels=family.labels)
    for labels, value in values.items():
        metric.add_metric(labels, value)
    return generate_latest(_Families([metric]))
