"""The text that Prometheus scrapes: rendered when results change, served as cached bytes.

Rendering costs some 3 us a series in Python, so a run is rendered once, when it has room, and
kept as bytes by metric; a changed page is joined from those. The gzip form is a sequence
of members (RFC 1952, 2.2), which lets the cached results and the fresh health metrics be
compressed apart and sent as one body.
"""

import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from headstart.collector.findings import RunResult
from headstart.collector.metrics.detail import is_detail
from headstart.collector.metrics.exposition_gauges import ExpositionGauges
from headstart.collector.metrics.families import (
    HOST_FAMILIES,
    RESULT_FAMILIES,
    SHIFT_FAMILIES,
    Sample,
)
from headstart.collector.metrics.fleet_samples import shift_samples
from headstart.collector.metrics.host_page import HostPage
from headstart.collector.metrics.rendering import (
    GZIP_LEVEL,
    Fragment,
    Page,
    fragment_of,
    of_store,
    page_of,
)
from headstart.collector.metrics.run_samples import curve_samples, run_samples
from headstart.collector.own_metrics import SelfMetrics
from headstart.v1.experiments_pb2 import HostState, Shift
from headstart.words.exposed_series import MAXIMUM_SERIES
from headstart.words.foreign.clean import label
from headstart.words.states import RunWord

# Results are the point, but hosts must not vanish when there are many results: up to 1 in 5.
_HOST_SHARE = 5
# Regressions neither: 1 in 20.
_SHIFT_SHARE = 20


@dataclass(frozen=True)
class _ShownRun:
    run_id: str
    ended_unix_seconds: float
    figures: Fragment
    detail: Fragment


class Exposition:
    """The latest ended run of every experiment on every host, the hosts, and our own health.

    `update` may be called from any thread, `scrape` at the same time from others.
    """

    def __init__(
        self,
        own: SelfMetrics,
        store: str,
        maximum_series: int = MAXIMUM_SERIES,
        now: Callable[[], float] = time.time,
        *,
        detailed: bool = False,
    ) -> None:
        """`store` tells the series of one collector's store from those of others.

        `detailed`: with every figure's interval and ratio, and warm-up curves, where all runs
        leave room for it.
        """
        self._own = own
        self._store = store
        self._now = now
        self._detailed = detailed
        self._maximum = maximum_series
        self._of_hosts = HostPage(store, maximum_series // _HOST_SHARE)
        self._shift_room = maximum_series // _SHIFT_SHARE
        self._runs: dict[tuple[str, str], _ShownRun] = {}
        # Whether a run was added since the page of results was made.
        self._is_old = False
        self._updating = threading.Lock()
        self._results = page_of(RESULT_FAMILIES, [])
        self._hosts = page_of(HOST_FAMILIES, [])
        self._shifts = page_of(SHIFT_FAMILIES, [])
        self._unread = 0
        self._gauges = ExpositionGauges(own, maximum_series)
        self._show(0.0)

    def update(
        self,
        results: Iterable[RunResult] = (),
        hosts: Sequence[HostState] | None = None,
        shifts: Sequence[Shift] | None = None,
    ) -> None:
        """Shows `results` in place of older runs of the same experiment and host.

        Runs shown before stay, so only new results need to be given; none is kept in memory
        beyond its samples and their text. `hosts` and `shifts`, when given, are all there are. A
        run that was given up before it could say anything of a variant shows nothing and replaces
        nothing, and neither does an incomplete one: the last figures are still the last figures.
        """
        began = time.perf_counter()
        with self._updating:
            for result in results:
                self._add(result)
            if hosts is not None:
                self._hosts = self._of_hosts.of(hosts)
            if shifts is not None:
                self._shifts = self._shift_page(shifts)
            if self._is_old or sum(page.series for page in self._pages()) > self._maximum:
                self._results = self._result_page()
            self._show(time.perf_counter() - began)

    def add(self, result: RunResult) -> None:
        """As `update` with it, but for the page, which the next update makes: for one of many."""
        with self._updating:
            self._add(result)

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
            gone = [key for key in keys if self._runs.pop(key, None)]
            self._gauges.retired(len(gone))
            self._results = self._result_page()
            self._show(0.0)

    def scrape(self, compressed: bool = False) -> bytes:
        """The whole exposition, Prometheus text format 0.0.4, gzip when `compressed`.

        Cached but for the collector's own metrics, which are as of now.
        """
        own = of_store(self._store, self._own.families())
        if compressed:
            health = gzip.compress(own, GZIP_LEVEL, mtime=0)
            return b"".join([*(page.compressed for page in self._pages()), health])
        return b"".join([*(page.plain for page in self._pages()), own])

    def _pages(self) -> tuple["Page", ...]:
        return self._results, self._hosts, self._shifts

    def _show(self, seconds: float) -> None:
        self._gauges.show(self._pages(), self._unread, seconds)

    def _add(self, result: RunResult) -> None:
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
            return
        figures: list[Sample] = []
        detail: list[Sample] = []
        for sample in run_samples(result):
            (detail if is_detail(sample) else figures).append(sample)
        # What is not asked for is not made, either.
        detail = [*detail, *curve_samples(result)] if self._detailed else []
        self._runs[key] = _ShownRun(
            result.run_id,
            result.ended_unix_seconds,
            fragment_of(self._store, RESULT_FAMILIES, figures),
            fragment_of(self._store, RESULT_FAMILIES, detail),
        )
        self._is_old = True

    def _result_page(self) -> Page:
        """Newest runs first while there is room, and then the detail of the newest."""
        self._is_old = False
        room = self._maximum - self._hosts.series - self._shifts.series
        kept: list[Fragment] = []
        shown: list[_ShownRun] = []
        dropped: Counter[str] = Counter()
        newest_first = sorted(self._runs.values(), key=lambda run: -run.ended_unix_seconds)
        for run in newest_first:
            if run.figures.series > room:
                dropped["cap"] += run.figures.series
                dropped["detail"] += run.detail.series
                continue
            shown.append(run)
            kept.append(run.figures)
            room -= run.figures.series
        for run in shown:
            if run.detail.series > room:
                dropped["detail"] += run.detail.series
                continue
            kept.append(run.detail)
            room -= run.detail.series
        left_out = len(newest_first) - len(shown)
        return replace(page_of(RESULT_FAMILIES, kept, dropped), left_out=left_out)

    def _shift_page(self, shifts: Sequence[Shift]) -> Page:
        """The newest first, while there is room."""
        samples: list[Sample] = []
        dropped: Counter[str] = Counter()
        for shift in reversed(shifts):
            of_one = list(shift_samples(shift))
            if len(samples) + len(of_one) <= self._shift_room:
                samples += of_one
            else:
                dropped["cap"] += len(of_one)
        return page_of(SHIFT_FAMILIES, [fragment_of(self._store, SHIFT_FAMILIES, samples)], dropped)


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
