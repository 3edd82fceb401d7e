"""Contexts of builds: each kept once, whole or not at all, for as long as a run may need it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import zstandard

from headstart.collector.config import Quotas
from headstart.collector.store import (
    ends,
    hello as store_hello,
    leasing,
    runs as store_runs,
    submitting,
)
from headstart.collector.store.contexts import Contexts, NotTaken, is_needed_by
from headstart.collector.store.store import Store
from headstart.v1.experiment_pb2 import Build, ContextArchive, Experiment, Variant
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.attending import hello, in_loop
from support.contexts import archive_of, in_pieces
from support.stores import Stores

FILES: dict[str, str | bytes] = {"Dockerfile": "FROM scratch", "a": "a" * 3000}


def kept(contexts: Path) -> list[str]:
    """Files, those that come among them."""
    return sorted(path.name for path in contexts.rglob("*") if path.is_file())


def changed(archive: ContextArchive, **fields: int | str) -> ContextArchive:
    found = ContextArchive()
    found.CopyFrom(archive)
    for name, value in fields.items():
        setattr(found, name, value)
    return found


@in_loop
async def test_an_archive_is_kept_once_under_its_hash(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas())
    archive, data = archive_of(tmp_path / "a", FILES)

    assert not contexts.has(archive.sha256)
    await contexts.take(archive, in_pieces(data))
    await contexts.take(archive, in_pieces(b""))

    assert contexts.has(archive.sha256)
    assert kept(tmp_path / "contexts") == [archive.sha256]
    with contexts.open(archive.sha256) as file:
        assert file.read() == data
    assert (tmp_path / "contexts").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "contexts" / archive.sha256).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("fields", "cut", "message"),
    [
        ({"sha256": "0" * 64}, None, "damaged: its tar has another SHA-256"),
        ({"tar_bytes": 11 << 10}, None, "another SHA-256 or size"),
        ({"tar_bytes": 512}, None, "unpacks to more than the 512 bytes"),
        ({}, -1, "ends after"),
        ({}, 0, "ends after 0 of"),
        ({"stored_bytes": 20}, None, "more bytes than it began by saying"),
        ({"stored_bytes": 1 << 20}, None, "1048576 bytes as it is sent; .* --context-bytes"),
        ({"tar_bytes": 1 << 30}, None, "unpacks to 1073741824 bytes"),
        ({"sha256": "../../etc"}, None, "begins with its SHA-256"),
        ({"sha256": ""}, None, "begins with its SHA-256"),
    ],
)
@in_loop
async def test_what_is_not_as_announced_is_refused_and_leaves_nothing(
    tmp_path: Path, fields: dict[str, int | str], cut: int | None, message: str
) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas(context_bytes=100_000))
    archive, data = archive_of(tmp_path / "a", FILES)
    announced = changed(archive, **fields)

    with pytest.raises(NotTaken, match=message.replace(" --", r" \(--")):
        await contexts.take(announced, in_pieces(data[:cut]))

    assert kept(tmp_path / "contexts") == []


@in_loop
async def test_a_bomb_is_refused_on_arrival(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas(context_bytes=1 << 20))
    data = zstandard.compress(bytes(64 << 20))
    announced = ContextArchive(sha256="0" * 64, stored_bytes=len(data), tar_bytes=8 << 20)

    with pytest.raises(NotTaken, match="unpacks to more than"):
        await contexts.take(announced, in_pieces(data))

    assert kept(tmp_path / "contexts") == []


@in_loop
async def test_half_an_upload_leaves_nothing_whoever_breaks_off(tmp_path: Path) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas())
    archive, data = archive_of(tmp_path / "a", FILES)
    came = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield data[:50]
        came.set()
        await asyncio.Event().wait()

    taking = asyncio.create_task(contexts.take(archive, half()))
    await came.wait()
    (coming,) = kept(tmp_path / "contexts")
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    after_cancel = kept(tmp_path / "contexts")
    # As a collector that was killed leaves it.
    (tmp_path / "contexts/incoming" / coming).write_bytes(data[:50])
    Contexts(tmp_path / "contexts", Quotas())

    assert coming.startswith(archive.sha256)
    assert after_cancel == []
    assert kept(tmp_path / "contexts") == []


@in_loop
async def test_all_of_them_are_bounded_also_those_that_just_come(tmp_path: Path) -> None:
    archive, data = archive_of(tmp_path / "a", FILES)
    other, other_data = archive_of(tmp_path / "b", FILES | {"b": "b"})
    quotas = Quotas(all_contexts_bytes=archive.stored_bytes + other.stored_bytes - 1)
    contexts = Contexts(tmp_path / "contexts", quotas)
    refused: list[str] = []

    async def slow() -> AsyncIterator[bytes]:
        with pytest.raises(NotTaken) as error:
            await contexts.take(other, in_pieces(other_data))
        refused.append(str(error.value))
        yield data

    await contexts.take(archive, slow())
    with pytest.raises(NotTaken, match=r"\(--all-context-bytes\): try again when"):
        await contexts.take(other, in_pieces(other_data))

    assert "(--all-context-bytes)" in refused[0]
    assert kept(tmp_path / "contexts") == [archive.sha256]


async def run_from(store: Store, archive: ContextArchive) -> str:
    """A queued run of h1 whose builds have this context."""
    build = Variant(name="aot", build=Build(archive=archive))
    experiment = Experiment(name="players", variants=[build])
    await store.write(lambda c: store_hello.greet(c, hello(), store.now()))
    (run_id,) = await store.write(lambda c: submitting.submit(c, experiment, ["h1"], store.now()))
    return run_id


@in_loop
async def test_what_no_run_needs_is_removed_and_what_one_may_need_stays(
    tmp_path: Path, stores: Stores
) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas())
    needed, data = archive_of(tmp_path / "a", FILES)
    other, other_data = archive_of(tmp_path / "b", FILES | {"b": "b"})
    async with stores.open() as store:
        run_id = await run_from(store, needed)
        await contexts.take(needed, in_pieces(data))
        await contexts.take(other, in_pieces(other_data))

        await contexts.remove_unneeded(store)
        fresh = kept(tmp_path / "contexts")
        for sha256 in fresh:
            os.utime(tmp_path / "contexts" / sha256, (0, 0))
        # Asked for: somebody is about to submit.
        contexts.has(other.sha256)
        await contexts.remove_unneeded(store)
        asked_for = kept(tmp_path / "contexts")
        os.utime(tmp_path / "contexts" / other.sha256, (0, 0))
        await contexts.remove_unneeded(store)
        queued = kept(tmp_path / "contexts")
        await store.write(lambda c: leasing.lease_next(c, "h1", store.now()))
        await contexts.remove_unneeded(store)
        leased = kept(tmp_path / "contexts")
        done = RunOutcome(status=RunStatus.RUN_STATUS_FAILED)
        attempt = Attempt(run_id=run_id, attempt=1)
        await store.write(lambda c: ends.finish(c, attempt, done, store.now()))
        await contexts.remove_unneeded(store)

    assert fresh == asked_for == sorted([needed.sha256, other.sha256])
    assert queued == leased == [needed.sha256]
    assert kept(tmp_path / "contexts") == []


@in_loop
async def test_only_the_attempt_that_builds_from_it_needs_it(
    tmp_path: Path, stores: Stores
) -> None:
    archive, _ = archive_of(tmp_path / "a", FILES)
    async with stores.open() as store:
        run_id = await run_from(store, archive)

        async def needs(run: str, attempt: int, sha256: str) -> str | None:
            return await store.read(lambda c: is_needed_by(c, run, attempt, sha256))

        queued = await needs(run_id, 0, archive.sha256)
        await store.write(lambda c: leasing.lease_next(c, "h1", store.now()))

        assert queued is None
        assert await needs(run_id, 1, archive.sha256) == "h1"
        assert await needs(run_id, 2, archive.sha256) is None
        assert await needs("other", 1, archive.sha256) is None
        assert await needs(run_id, 1, "0" * 64) is None


@in_loop
async def test_a_run_whose_agent_was_just_lost_may_come_back_for_it(
    tmp_path: Path, stores: Stores
) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas())
    archive, data = archive_of(tmp_path / "a", FILES)
    now = 1.8e9
    async with stores.open(now=lambda: now) as store:
        run_id = await run_from(store, archive)
        for attempt in range(1, ends.MAXIMUM_LOSSES + 2):
            await store.write(lambda c: leasing.lease_next(c, "h1", now))
            lost = Attempt(run_id=run_id, attempt=attempt)
            change = await store.write(
                lambda c, lost=lost: ends.lose(c, lost, "it is away", now)  # type: ignore[misc]
            )
        assert change is not None
        assert change.state == store_runs.LOST
        await contexts.take(archive, in_pieces(data))
        os.utime(tmp_path / "contexts" / archive.sha256, (0, 0))
        await contexts.remove_unneeded(store)
        soon = kept(tmp_path / "contexts")
        now += 3601
        await contexts.remove_unneeded(store)

    assert soon == [archive.sha256]
    assert kept(tmp_path / "contexts") == []


@in_loop
async def test_an_archive_is_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contexts = Contexts(tmp_path / "contexts", Quotas())
    archive, data = archive_of(tmp_path / "a", FILES)
    real_sync, synced = os.fsync, []

    def sync(descriptor: int) -> None:
        synced.append(
            (Path(f"/proc/self/fd/{descriptor}").readlink(), contexts.has(archive.sha256))
        )
        real_sync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    await contexts.take(archive, in_pieces(data))

    (file, had_name), (folder, has_name) = synced
    assert (file.parent.name, had_name) == ("incoming", False)
    assert (folder.name, has_name) == ("contexts", True)
