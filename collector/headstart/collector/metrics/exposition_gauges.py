"""What the exposition says of itself, beside the collector's other health metrics."""

from collections import Counter
from collections.abc import Sequence

from prometheus_client import Counter as PrometheusCounter, Gauge

from headstart.collector.metrics.rendering import Page
from headstart.collector.own_metrics import SelfMetrics


class ExpositionGauges:
    """Registered with the collector's own metrics."""

    def __init__(self, own: SelfMetrics, maximum: int) -> None:
        registry = own.registry
        self._maximum = Gauge(
            "headstart_exposition_maximum_series",
            "Series of results, hosts and shifts that are exposed at most: --metrics-series.",
            registry=registry,
        )
        self._maximum.set(maximum)
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
            "Series that are not exposed. reason: cap (too many), detail (no room for it "
            "beside all results), not_finite, duplicate, unknown (a metric that "
            "this version does not know).",
            ["reason"],
            registry=registry,
        )
        self._left_out = Gauge(
            "headstart_exposition_dropped_results",
            "Results of which no series is exposed, since newer ones take all the room; of those"
            " that were older still at the start the series are not counted.",
            registry=registry,
        )
        self._retired = PrometheusCounter(
            "headstart_exposition_retired_results",
            "Results that went from the page under their names because runs were forgotten or"
            " hosts removed or renamed.",
            registry=registry,
        )
        self._build_seconds = Gauge(
            "headstart_exposition_build_seconds",
            "Time that the latest change of the exposition took to render.",
            registry=registry,
        )

    def retired(self, results: int) -> None:
        """So many results were taken from the page."""
        self._retired.inc(results)

    def show(self, pages: Sequence[Page], unread: int, seconds: float) -> None:
        """Show what was just changed, in `seconds`; `unread` results were left out unread."""
        self._series.set(sum(page.series for page in pages))
        self._bytes.labels("plain").set(sum(len(page.plain) for page in pages))
        self._bytes.labels("gzip").set(sum(len(page.compressed) for page in pages))
        dropped = sum((page.dropped for page in pages), Counter[str]())
        for reason in ("cap", "detail", "not_finite", "duplicate", "unknown"):
            self._dropped.labels(reason).set(dropped[reason])
        self._left_out.set(unread + sum(page.left_out for page in pages))
        self._build_seconds.set(seconds)
