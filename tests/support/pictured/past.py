"""A month of runs, played through the collector's own parts at a clock of its own.

The parts are put together as the collector does it, but for the clock: the store's `now` is
when each run of the past ended. What /metrics would have shown then becomes Prometheus's past.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import Connection

from headstart.collector.judge.analyst import Analyst
from headstart.collector.judge.regressions import Regressions
from headstart.collector.metrics.page import Exposition
from headstart.collector.metrics.publisher import Publisher
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import ends, hosts, leasing, records, results, submitting
from headstart.collector.store.records import Watermark
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.host_pb2 import Policy
from support.attending import envelope
from support.pictured.hosts import CONNECTED, MACHINES
from support.pictured.runs import Ran, rerun

_RUN_SECONDS = 1_500.0
HOUR = 3_600.0
# Prometheus's steps through the past: hourly, and finer through the last day.
COARSE_SECONDS, FINE_SECONDS, FINE_SPAN = HOUR, 1_200.0, 24 * HOUR
_SAMPLE = re.compile(rb"^([a-z_]+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
# What Prometheus itself puts on what it scrapes, and stores of each scrape.
INSTANCE = "headstart.example:9464"
_TARGET = f'job="headstart",instance="{INSTANCE}"'.encode()
_OF_PROMETHEUS = {b"up": b"1", b"scrape_duration_seconds": b"0.021"}


class Past:
    """One store, at times that only go forward. Made by `opened`."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._own = SelfMetrics("0.1.0")
        self._exposition = Exposition(self._own, store.id, detailed=True)
        publisher = Publisher(store, self._exposition)
        self.analyst = Analyst(store, self._own, on_result=publisher.ended)
        self._queued: list[str] = []
        self.regressions = Regressions(
            store,
            self.analyst.pool,
            self._have_queued,
            on_shifts=lambda shifts: self._exposition.update(shifts=shifts),
        )
        self.analyst.on_stored(self.regressions.stored)
        self._sequences = dict.fromkeys((each.name for each in MACHINES), 0)

    @classmethod
    @asynccontextmanager
    async def opened(cls, data: Path) -> AsyncIterator["Past"]:
        """The data folder's store, as a collector opens it."""
        store = Store(data, group_seconds=0.0)
        past = cls(store)
        try:
            yield past
        finally:
            await past.regressions.stop()
            await past.analyst.stop()
            await store.close()

    async def _have_queued(self, on_hosts: Sequence[str]) -> None:
        self._queued += on_hosts

    async def greet(self, at: float) -> None:
        """Every machine says hello."""
        self._store.now = lambda: at

        def put(connection: Connection) -> None:
            for machine in MACHINES:
                hosts.greet(connection, machine.facts(), Policy(), at)
                records.open_stream(connection, f"past-{machine.name}", machine.name)

        await self._store.write(put)
        for _ in CONNECTED:
            self._own.stream_opened()

    async def take(self, ran: Ran, ended: float) -> None:
        """A run from its submission to its judgement, and the reruns that this asks for."""
        await self._run(ran, ended)
        while self._queued:
            self._queued.pop()
            ended += _RUN_SECONDS + 60
            await self._run(rerun(ran), ended, submitted=True)
        await self._store.write(lambda c: hosts.seen(c, {ran.machine.name: ended}))
        await self._show_hosts(ended)

    async def queue(self, ran: Ran, at: float) -> None:
        """A run that waits for its host, which was never heard of again."""
        host = ran.machine.name
        await self._store.write(lambda c: submitting.submit(c, ran.experiment, [host], at))

    async def _run(self, ran: Ran, ended: float, *, submitted: bool = False) -> None:
        began, host = ended - _RUN_SECONDS, ran.machine.name
        self._store.now = lambda: began
        if not submitted:
            await self._store.write(lambda c: submitting.submit(c, ran.experiment, [host], began))
        leased = await self._store.write(
            lambda c: leasing.lease_next(c, host, began, f"past-{host}")
        )
        assert leased is not None
        rows, sequence = [], self._sequences[host]
        for record in ran.records:
            sequence += 1
            sent = envelope(sequence, leased.run_id, leased.attempt, record)
            rows.append(records.row_of(f"past-{host}", sent))
        self._sequences[host] = sequence
        watermarks = {f"past-{host}": Watermark(sequence)}
        await self._store.write(lambda c: records.append(c, rows, watermarks))
        self._own.ingested(len(rows), sum(len(row["payload"]) for row in rows))
        self._own.committed(0.02 + 0.003 * (sequence % 7))
        self._store.now = lambda: ended
        attempt = Attempt(run_id=leased.run_id, attempt=leased.attempt)
        outcome = ran.records[-1].run_outcome
        change = await self._store.write(lambda c: ends.finish(c, attempt, outcome, ended))
        assert change is not None
        assert change.state == RunState.RUN_STATE_DONE, change
        self._own.run_ended(change.state)
        self.analyst.ended(leased.run_id)
        await self.analyst.idle()
        await self.regressions.idle()
        stored = await self._store.read(lambda c: results.get(c, leased.run_id))
        assert stored is not None, leased
        assert not stored.fault, stored.fault

    async def _show_hosts(self, at: float) -> None:
        states = await self._store.read(hosts.states)
        connected = {each.name for each in CONNECTED}
        for state in states:
            state.connected = state.host.host in connected or at < self._store.now() - 3 * HOUR
            state.last_seen_time_seconds = at
        await asyncio.to_thread(self._exposition.update, hosts=states)

    def page(self) -> bytes:
        """What Prometheus would scrape."""
        return self._exposition.scrape()


def as_openmetrics(pages: Sequence[tuple[float, bytes]], until: float) -> Iterator[bytes]:
    """Lines for `promtool tsdb create-blocks-from openmetrics`: each page until the next one."""
    for (begin, page), (end, _) in zip(pages, [*pages[1:], (until, b"")], strict=True):
        samples = [
            (b"%s{%s%s}" % (name, _TARGET, b"," + labels if labels else b""), value)
            for name, labels, value in _SAMPLE.findall(page)
        ]
        samples += [(b"%s{%s}" % (name, _TARGET), value) for name, value in _OF_PROMETHEUS.items()]
        for time in _times(begin, end, until):
            stamp = b"%.0f" % time
            yield b"".join(b"%s %s %s\n" % (*sample, stamp) for sample in samples)
    yield b"# EOF\n"


def _times(begin: float, end: float, until: float) -> Iterator[float]:
    while begin < end:
        yield begin
        begin += FINE_SECONDS if begin >= until - FINE_SPAN else COARSE_SECONDS
