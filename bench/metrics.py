"""/metrics of 30 experiments on 20 hosts of 4 variants: what a scrape and a run's end cost."""

import http.client
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from statistics import median

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from bench.table import BenchRow
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import SelfMetrics
from support.http_serving import serving
from support.metrics_results import STORE, of_a_service, run_result

EXPERIMENTS, HOSTS = 30, 20
SERVED_SECONDS = 0.150
VARIANTS = ("jit", "r2r", "aot-dynamic", "aot-scratch")


class Rendered:
    """The reference: the same metrics as prometheus_client renders them at every scrape."""

    def __init__(self, text: str) -> None:
        self._families = list(text_string_to_metric_families(text))

    def collect(self) -> Iterable[Metric]:
        return self._families


def run(quick: bool) -> list[BenchRow]:
    """One collector with all of it, taken up fifty results at a time as after a start."""
    scrapes = 10 if quick else 50
    own = SelfMetrics("bench")
    exposition = Exposition(own, STORE)
    results = [
        of_a_service(run_result(f"exp-{e}", f"host-{h}", variants=VARIANTS, factor=1 + h / 77))
        for e in range(EXPERIMENTS)
        for h in range(HOSTS)
    ]
    build = sum(
        _seconds(exposition.update, results[begin : begin + 50])
        for begin in range(0, len(results), 50)
    )
    assert own.registry.get_sample_value("headstart_exposition_dropped_results") == 0
    newer = [
        of_a_service(run_result("exp-0", "host-0", variants=VARIANTS, ended=1.8e9 + i))
        for i in range(5)
    ]
    one_run = median(_seconds(exposition.update, [result]) for result in newer)

    rendered = Rendered(exposition.scrape().decode())
    uncached = median(_seconds(generate_latest, rendered) for _ in range(3))
    with serving(exposition) as server:
        served = {
            encoding: median(_seconds(_get, server.port, encoding) for _ in range(scrapes))
            for encoding in ("gzip", "identity")
        }
    size = {
        "gzip": len(exposition.scrape(compressed=True)),
        "identity": len(exposition.scrape()),
    }
    return [
        *(
            BenchRow(
                what=f"/metrics, {_series(own):,} series, {encoding}",
                measured=f"{seconds * 1e3:.1f} ms, {size[encoding] / 1e6:.2f} MB",
                budget=f"<= {SERVED_SECONDS * 1e3:.0f} ms",
                ratio=f"{seconds / uncached:.2f} of rendering at each scrape",
                ok=seconds <= SERVED_SECONDS,
            )
            for encoding, seconds in served.items()
        ),
        BenchRow(
            what="exposition, when a run ends",
            measured=f"{one_run * 1e3:.1f} ms",
            budget="-",
            ratio=f"{one_run / uncached:.2f} of rendering everything",
            ok=None,
        ),
        BenchRow(
            what="exposition, from nothing",
            measured=f"{build * 1e3:.0f} ms",
            budget="-",
            ratio=f"{build / uncached:.2f} of rendering everything",
            ok=None,
        ),
    ]


def _series(own: SelfMetrics) -> int:
    return int(own.registry.get_sample_value("headstart_exposition_series") or 0)


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def _get(port: int, encoding: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with closing(connection):
        connection.request("GET", "/metrics", headers={"Accept-Encoding": encoding})
        response = connection.getresponse()
        assert response.status == 200
        response.read()
