"""A clock that was ahead or behind pins no run, deletes none, and lets nobody in."""

import re

import pytest
from sqlalchemy import Connection, insert, update

from headstart.collector.config import Retention
from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import (
    end_order,
    ends,
    hello as store_hello,
    leasing,
    points as store_points,
    queries,
    queue as store_queue,
    results as store_results,
    submitting,
    tokens as store_tokens,
)
from headstart.collector.store.clock import ClockWatch, mend
from headstart.collector.store.issued import Certificate
from headstart.collector.store.points import SeriesKey
from headstart.collector.store.queue import Wish
from headstart.collector.store.results import StoredResult
from headstart.collector.store.retention import prune
from headstart.collector.store.store import Store
from headstart.collector.store.tables import points, runs
from headstart.collector.store.tokens import NewToken, TokenRefused
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.attending import hello, in_loop
from support.metrics_results import NOW, run_result
from support.stores import Stores

HOUR, DAY = 3600.0, 86_400.0
YEARS = 10 * 365 * DAY
SERIES = SeriesKey("players", "aot", "startup_seconds", "f1", "s1")


class Clocks:
    """The clock that is set, and the one that nobody sets."""

    def __init__(self) -> None:
        self.wall = NOW
        self.steadily = 0.0

    def now(self) -> float:
        return self.wall

    def passes(self, seconds: float) -> None:
        self.wall += seconds
        self.steadily += seconds


async def submitted(store: Store, host: str = "h1", expires_seconds: float = 0.0) -> str:
    await store.write(lambda c: store_hello.greet(c, hello(host, stream_id=host), store.now()))
    wish = Wish(expires_seconds=expires_seconds)
    experiment = Experiment(name="players")
    (run_id,) = await store.write(
        lambda c: submitting.submit(c, experiment, [host], store.now(), wish)
    )
    return run_id


async def ended(store: Store) -> str:
    """A run that ended now, with a result and a point of its series."""
    run_id = await submitted(store)
    outcome = RunOutcome(status=RunStatus.RUN_STATUS_CANCELLED)

    def end(connection: Connection) -> None:
        leasing.lease_next(connection, "h1", store.now())
        ends.finish(connection, Attempt(run_id=run_id, attempt=1), outcome, store.now())
        store_results.put(connection, StoredResult(run_id, 1, "{}", ""), store.now())
        words = dict.fromkeys(("cpu_model", "revision", "digest"), "")
        connection.execute(
            insert(points).values(
                run_id=run_id,
                **vars(SERIES),
                **words,
                host="h1",
                ended_seconds=store.now(),
                value=1.0,
                trials=3,
                flagged=False,
            )
        )

    await store.write(end)
    return run_id


async def around_a_clock_that_was_ahead(store: Store, clocks: Clocks) -> list[str]:
    """Three runs, of which the second ended while the clock was ten years ahead."""
    before = await ended(store)
    clocks.wall += YEARS
    ahead = await ended(store)
    clocks.wall -= YEARS - HOUR
    return [before, ahead, await ended(store)]


@in_loop
async def test_a_run_of_the_future_is_not_the_latest_for_ever(stores: Stores) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        in_order = await around_a_clock_that_was_ahead(store, clocks)
        newest = in_order[-1]

        assert await store.read(store_results.latest) == [newest]
        assert [run for *_, run in await store.read(store_results.newest)] == in_order[::-1]
        listed, _older = await store.read(queries.summaries)
        assert [run.run_id for run in listed] == in_order[::-1]


@in_loop
async def test_history_is_in_the_order_in_which_runs_ended(stores: Stores) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        in_order = await around_a_clock_that_was_ahead(store, clocks)
        judged = await store.read(lambda c: store_points.series_until(c, SERIES, in_order[-1], 10))
        (shown,) = await store.read(lambda c: store_points.series_of(c, "players", "", "", "", 2))

    assert [point.run_id for point in judged] == in_order
    assert [point.run_id for point in shown.points] == in_order[1:]


@in_loop
async def test_a_run_that_was_submitted_in_the_future_keeps_its_place_in_the_queue(
    stores: Stores,
) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        clocks.wall += YEARS
        first = await submitted(store)
        clocks.wall -= YEARS
        await submitted(store)
        leased = await store.write(lambda c: leasing.lease_next(c, "h1", store.now()))

    assert leased is not None
    assert leased.run_id == first


@in_loop
async def test_a_run_of_the_future_makes_room_in_its_turn(stores: Stores) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        in_order = await around_a_clock_that_was_ahead(store, clocks)

        assert await prune(store, Retention(store_bytes=1)) == in_order


@pytest.mark.parametrize("off_seconds", [YEARS, -56 * 365 * DAY], ids=["ahead", "in 1970"])
@in_loop
async def test_a_run_of_a_wrong_clock_goes_by_age_neither_at_once_nor_never(
    stores: Stores, off_seconds: float
) -> None:
    clocks = Clocks()
    retention = Retention(age_seconds=30 * DAY)
    async with stores.open(now=clocks.now) as store:
        before = await ended(store)
        clocks.wall += off_seconds
        wrong = await ended(store)
        clocks.wall -= off_seconds
        assert await prune(store, retention) == []

        assert await store.write(lambda c: mend(c, store.now())) == 4
        assert (await store.read(lambda c: queries.summary(c, wrong))).ended_time_seconds == NOW
        clocks.wall += 31 * DAY
        assert await prune(store, retention) == [before, wrong]


@in_loop
async def test_a_clock_that_jumps_ahead_deletes_nothing_for_a_day(stores: Stores) -> None:
    clocks = Clocks()
    retention = Retention(age_seconds=30 * DAY)
    async with stores.open(now=clocks.now) as store:
        watch = ClockWatch(store, lambda: clocks.steadily)
        await watch.begin()
        run_id = await ended(store)
        clocks.wall += YEARS
        assert await watch.look() == pytest.approx(YEARS)
        assert await prune(store, retention) == []

        clocks.passes(DAY + 1)
        await watch.look()
        assert await prune(store, retention) == [run_id]


@pytest.mark.parametrize(
    ("away_seconds", "believed"), [(HOUR, True), (-HOUR, False), (YEARS, False)]
)
@in_loop
async def test_a_clock_is_doubted_at_the_start_where_the_store_contradicts_it(
    stores: Stores, away_seconds: float, believed: bool
) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        await ended(store)
        clocks.wall += away_seconds
        watch = ClockWatch(store, lambda: clocks.steadily)
        await watch.begin()
        await watch.look()

        assert store.believes_clock is believed


@in_loop
async def test_what_waits_and_goes_on_moves_with_the_clock(stores: Stores) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        watch = ClockWatch(store, lambda: clocks.steadily)
        await watch.begin()
        goes_on = await submitted(store)
        await store.write(lambda c: leasing.lease_next(c, "h1", store.now()))
        waits = await submitted(store, expires_seconds=NOW + 2 * HOUR)
        clocks.wall += YEARS
        await watch.look()
        clocks.passes(HOUR)
        expired = await store.read(
            lambda c: store_queue.expired(c, store.now(), store.now() - 7 * DAY, ())
        )
        listed, _older = await store.read(queries.summaries)
        by_id = {run.run_id: run for run in listed}

    assert expired == []
    assert by_id[waits].expires_time_seconds == NOW + YEARS + 2 * HOUR
    assert by_id[goes_on].started_time_seconds == NOW + YEARS


@in_loop
async def test_a_slewed_clock_moves_nothing(stores: Stores) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        watch = ClockWatch(store, lambda: clocks.steadily)
        run_id = await submitted(store)
        clocks.wall += 2.0

        assert await watch.look() == 0.0
        run = await store.read(lambda c: queries.summary(c, run_id))
        assert run.submitted_time_seconds == NOW


@in_loop
async def test_a_token_that_was_made_while_the_clock_was_ahead_lets_nobody_in(
    stores: Stores,
) -> None:
    clocks = Clocks()
    row = Certificate("1", "agent", "h1", NOW, NOW + DAY, b"k", b"pem", token_id="t1")
    async with stores.open(now=clocks.now) as store:
        token = NewToken("t1", b"", "agent", "", 1, "anna", NOW + YEARS + HOUR)
        await store.write(lambda c: store_tokens.add(c, token, NOW + YEARS))
        with pytest.raises(TokenRefused, match="made while the collector's clock was ahead"):
            await store.write(lambda c: store_tokens.use(c, row, store.now()))


def test_what_prometheus_is_shown_did_not_end_in_the_future() -> None:
    clocks = Clocks()
    page = Exposition(SelfMetrics("1"), "store", now=clocks.now)
    page.update([run_result(ended=NOW + YEARS)])

    ends = re.findall(r"headstart_run_end_timestamp_seconds{.*} (.*)", page.scrape().decode())
    assert [float(each) for each in ends] == [NOW]


def test_a_run_replaces_one_that_was_shown_while_the_clock_was_ahead() -> None:
    clocks = Clocks()
    page = Exposition(SelfMetrics("1"), "store", now=clocks.now)
    clocks.wall += YEARS
    page.update([run_result(ended=NOW + YEARS)])
    clocks.wall -= YEARS
    later = run_result(ended=NOW)
    page.update([later])

    assert list(page.shown().values()) == [later.run_id]


@in_loop
async def test_runs_of_an_older_store_are_numbered_by_their_ends_as_far_as_these_can_be_true(
    stores: Stores,
) -> None:
    clocks = Clocks()
    async with stores.open(now=clocks.now) as store:
        in_order = await around_a_clock_that_was_ahead(store, clocks)

        def again(connection: Connection) -> None:
            connection.execute(update(runs).values(end_order=0))
            end_order.number_ended(connection, store.now())

        await store.write(again)
        assert [run for *_, run in await store.read(store_results.newest)] == in_order[::-1]
