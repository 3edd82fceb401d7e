"""The audit: what it keeps, how much of it, and that nobody waits for it."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from sqlalchemy import Connection, Engine

from headstart.collector.identity.audit_trail import AuditTrail
from headstart.collector.identity.caller import Caller
from headstart.collector.store import audit_rows, store as stores
from headstart.collector.store.audit_rows import AuditBounds, Entry
from headstart.collector.store.store import FILE_NAME, Store
from headstart.v1.experiments_pb2 import SubmitRequest
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.roles import Role
from support.attending import EXPERIMENT, attend, channel_to, collecting, in_loop
from support.full_disk import fill_up, free_up
from support.roles import status
from support.stores import Stores
from support.waiting import until

BENCH = Caller("bench-1", frozenset({Role.AGENT}), "ipv4:10.0.0.7:4711", "abc")


def entry(number: int, at: float = 0.0) -> Entry:
    return Entry(at, f"caller {number}", "reader", "", "unix", "submit", "", "done")


async def kept(store: Store) -> list[Any]:
    """Oldest first."""
    found = await store.read(lambda c: audit_rows.newest(c, 0.0, "", 10_000))
    return list(reversed(found))


@in_loop
async def test_refusals_that_repeat_are_one_entry_with_how_many(stores: Stores) -> None:
    now = 1000.0
    async with stores.open(now=lambda: now) as store:
        trail = AuditTrail(store)
        for _ in range(500):
            trail.denied(BENCH, "Submit", "takes the role 'operator'")
        trail.denied(BENCH, "Cancel", "takes the role 'operator'")
        for number in range(2000):
            trail.denied(Caller(f"name {number}", frozenset(), "p", f"{number:x}"), "Submit", "")
        await trail.finish()

        entries = await kept(store)
        assert len(entries) < 150
        assert [(e.action, e.times) for e in entries if e.who == "bench-1"] == [
            ("Submit", 1),
            ("Cancel", 1),
            ("Submit", 499),
        ]
        others = [e.times for e in entries if e.who == "others"]
        assert sum(e.times for e in entries if e.who.startswith("name ")) + sum(others) == 2000


@in_loop
async def test_refusals_of_nobody_are_told_by_address_and_with_their_reasons(
    stores: Stores,
) -> None:
    def nobody(peer: str) -> Caller:
        return Caller("nobody", frozenset(), peer, "")

    async with stores.open() as store:
        trail = AuditTrail(store)
        trail.denied(nobody("ipv4:10.0.0.1:5000"), "enroll", "the token was used")
        trail.denied(nobody("ipv4:10.0.0.1:5001"), "enroll", "a wrong secret")
        trail.denied(nobody("ipv4:10.0.0.1:5002"), "enroll", "a wrong secret")
        trail.denied(nobody("ipv4:10.0.0.2:5000"), "enroll", "a wrong secret")
        trail.denied(nobody("ipv4:10.0.0.2:5000"), "enroll", "it expired")
        trail.denied(nobody("ipv4:10.0.0.2:5000"), "enroll", "a wrong secret")
        await trail.finish()

        found = [(e.peer.split(":")[1], e.times, e.detail) for e in await kept(store)]
    assert sorted(found) == [
        ("10.0.0.1", 1, "the token was used"),
        ("10.0.0.1", 2, "a wrong secret"),
        ("10.0.0.2", 1, "a wrong secret"),
        ("10.0.0.2", 2, "2 reasons, such as: a wrong secret"),
    ]


@in_loop
async def test_whoever_comes_from_everywhere_hides_nobody_who_is_known(stores: Stores) -> None:
    """Anybody has many addresses of IPv6, whole networks of them too."""
    async with stores.open() as store:
        trail = AuditTrail(store)
        for number in range(300):
            for peer in (
                f"ipv6:%5B2001:db8:{number:x}::1%5D:5",
                f"ipv6:%5B2001:db9::{number:x}%5D:5",
            ):
                trail.denied(Caller("nobody", frozenset(), peer, ""), "enroll", "a wrong secret")
        trail.denied(BENCH, "Submit", "takes the role 'operator'")
        await trail.finish()

        found = await kept(store)
    assert [e.action for e in found if e.who == "bench-1"] == ["Submit"]
    assert sum(e.times for e in found) == 601
    assert len(found) < 50


@in_loop
async def test_the_oldest_go_by_number_and_by_age(stores: Stores) -> None:
    bounds = AuditBounds(entries=10, denied=5, age_seconds=100.0)
    async with stores.open() as store:
        made = [entry(number, at=float(number)) for number in range(25)]
        await store.write(lambda c: audit_rows.append(c, made))
        await store.write(lambda c: audit_rows.prune(c, 50.0, bounds))
        assert [e.who for e in await kept(store)] == [f"caller {n}" for n in range(15, 25)]

        await store.write(lambda c: audit_rows.prune(c, 122.0, bounds))
        assert [e.who for e in await kept(store)] == ["caller 22", "caller 23", "caller 24"]


@in_loop
async def test_what_was_refused_washes_away_nothing_that_was_done(stores: Stores) -> None:
    async with stores.open() as store:
        trail = AuditTrail(store, AuditBounds(entries=10, denied=20))
        keeping = asyncio.create_task(trail.keep())
        await trail.done(BENCH, "cancel", "run 1", "done")
        for number in range(2000):
            trail.denied(BENCH, f"method {number % 90}", "")
            trail._denied.clear()
            if number % 400 == 399:
                await trail.written()
        await trail.written()

        entries = await kept(store)
        assert [e.object for e in entries if e.outcome == "done"] == ["run 1"]
        assert len(entries) < 20 + 2 * 500
        keeping.cancel()


@in_loop
async def test_what_a_caller_chooses_is_cut(stores: Stores) -> None:
    async with stores.open() as store:
        trail = AuditTrail(store)
        keeping = asyncio.create_task(trail.keep())
        long = "x" * 100_000
        await trail.done(Caller(long, frozenset(), long, long), long, long, "done", long)
        (one,) = await kept(store)
        assert one.ByteSize() < 3000
        keeping.cancel()


@in_loop
async def test_a_store_that_takes_nothing_holds_up_a_command_for_a_second_and_is_told(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    async with stores.open() as store:
        trail = AuditTrail(store)
        keeping = asyncio.create_task(trail.keep())

        def block(connection: Any) -> None:
            connection.exec_driver_sql("ALTER TABLE audit RENAME TO away")

        await store.write(block)
        async with asyncio.timeout(20):
            await trail.done(BENCH, "cancel", "run 1", "done")
        with caplog.at_level(logging.ERROR):
            await trail.finish()
        assert "of the audit" in caplog.text
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@in_loop
async def test_what_waits_for_a_store_that_took_nothing_is_written_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stores, "_FIRST_PAUSE_SECONDS", 60.0)
    async with Store(tmp_path) as store:
        trail = AuditTrail(store)
        await store.alone(lambda engine: _within(engine, fill_up))
        keeping = asyncio.create_task(trail.keep())
        for _ in range(40):
            trail.left(BENCH, "submit", "x" * 4000)
        await until(lambda: "the audit is not stored yet" in caplog.text)
        await store.alone(lambda engine: _within(engine, free_up))
        await trail.finish()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)

        assert len(await kept(store)) == 40
    assert "lost" not in caplog.text


def _within(engine: Engine, work: Callable[[Connection], object]) -> None:
    with engine.begin() as connection:
        work(connection)


@in_loop
async def test_what_a_file_states_is_in_no_entry(tmp_path: Path) -> None:
    secret = "hunter2-of-the-file"
    text = EXPERIMENT.replace(
        "jit: {command: [./server, --jit]",
        f"jit: {{env: {{A: {secret}}}, command: [./server, --jit]",
    )
    assert secret in text
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port),
        channel_to(collector.port) as channel,
    ):
        stub = ExperimentsServiceStub(channel)
        good = SubmitRequest(source_text=text, base_directory="/srv", file_name="a.yaml")
        bad = SubmitRequest(source_text=text.replace("blocks: 3", f"blocks: {secret}"))
        assert (await status(stub.Submit(good)))[0] is grpc.StatusCode.OK
        assert (await status(stub.Submit(bad)))[0] is grpc.StatusCode.INVALID_ARGUMENT
        async with asyncio.timeout(20):
            while len(entries := await kept(collector._store)) < 2:
                await asyncio.sleep(0.01)
        assert [e.outcome for e in entries] == ["done", "invalid_argument"]
        assert all(secret not in str(e) for e in entries)
    assert (tmp_path / FILE_NAME).exists()
