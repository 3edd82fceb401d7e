"""Secret values of a file are in the store as long as they may have to run, and no longer."""

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Connection

from headstart.collector.experiments.file import load_experiment
from headstart.collector.experiments.rerun import NoRerun, rerun_of
from headstart.collector.store import (
    ends,
    hosts as store_hosts,
    leasing,
    queries,
    runs as store_runs,
    submitting,
)
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.stored_values import masked_experiment
from headstart.v1.experiment_pb2 import (
    Command,
    Companion,
    CompanionReady,
    Experiment,
    Seed,
    Variant,
    Words,
)
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.attending import in_loop
from support.stores import Stores

SECRETS = ("hunter2-s3cr3t", "p4ss-w0rd", "t0k3n-abc", "x1y2z3")
FILE = """\
experiment: e
baseline: a
variants:
  a:
    image: "a:1"
    env: {DB_PASSWORD: hunter2-s3cr3t, ConnectionStrings__Db: "H=x;Password=p4ss-w0rd"}
  b: {image: "b:1"}
service:
  port: 9000
  ready:
    request: POST /login
    headers: {Authorization: "Bearer t0k3n-abc"}
    json: {password: x1y2z3}
"""


def greet(connection: Connection) -> None:
    for host in ("h1", "h2"):
        store_hosts.greet(connection, HostFacts(host=host), Policy(), 1.0)


def files_hold(folder: Path) -> set[str]:
    """Which secrets are in any file of the store."""
    written = b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())
    return {secret for secret in SECRETS if secret.encode() in written}


def ended(run_id: str, status: RunStatus.ValueType = RunStatus.RUN_STATUS_CANCELLED):  # type: ignore[no-untyped-def]  # a change of the store
    return lambda c: ends.finish(c, Attempt(run_id=run_id, attempt=1), RunOutcome(status=status), 5)


@in_loop
async def test_when_the_last_run_of_a_file_has_ended_no_file_of_the_store_holds_a_secret(
    tmp_path: Path,
) -> None:
    experiment = load_experiment(FILE, "/x")
    async with Store(tmp_path) as store:
        await store.write(greet)
        first, second = await store.write(
            lambda c: submitting.submit(c, experiment, ["h1", "h2"], 1.0)
        )
        leased = await store.write(lambda c: leasing.lease_next(c, "h1", 2.0))
        await store.write(ended(first))
        between = files_hold(tmp_path)
        await store.write(lambda c: ends.cancel(c, second, "why not", 6.0))
        kept = await store.read(lambda c: queries.info(c, first).experiment)

        assert leased is not None
        assert leased.experiment == experiment
        assert between == set(SECRETS)
        assert files_hold(tmp_path) == set()
        assert kept.values_masked
        assert list(kept.variants[0].environment) == list(experiment.variants[0].environment)


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """A long reading, such as an export."""
    uri = f"file:{folder / FILE_NAME}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as database:
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM runs").fetchone()
        yield


async def end_a_run_with_secrets(store: Store) -> None:
    await store.write(greet)
    (run,) = await store.write(
        lambda c: submitting.submit(c, load_experiment(FILE, "/x"), ["h1"], 1.0)
    )
    await store.write(lambda c: ends.cancel(c, run, "why not", 6.0))


async def until_nothing_is_held(folder: Path) -> None:
    async with asyncio.timeout(20):
        while files_hold(folder):
            await asyncio.sleep(0.05)


@in_loop
async def test_a_long_reading_holds_up_no_commit_and_the_next_one_after_it_cuts_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Store(tmp_path) as store:
        began = time.monotonic()
        with reading(tmp_path):
            await end_a_run_with_secrets(store)
            for _ in range(20):
                await store.write(greet)
            took = time.monotonic() - began
            held = files_hold(tmp_path)
        await store.flush()
        left = files_hold(tmp_path)
        timeout = await store.write(lambda c: c.exec_driver_sql("PRAGMA busy_timeout").scalar_one())

    assert took < 10
    assert held == set(SECRETS)
    assert left == set()
    assert timeout == 30_000
    assert len([m for m in caplog.messages if "write-ahead log" in m]) == 1


@in_loop
async def test_after_a_long_reading_an_idle_store_forgets_as_well(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        with reading(tmp_path):
            await end_a_run_with_secrets(store)
            assert files_hold(tmp_path) == set(SECRETS)
        await until_nothing_is_held(tmp_path)


@in_loop
async def test_a_store_that_was_closed_beside_a_reading_forgets_when_it_is_opened_again(
    tmp_path: Path,
) -> None:
    store = Store(tmp_path)
    with reading(tmp_path):
        await end_a_run_with_secrets(store)
        await store.close()
    assert files_hold(tmp_path) == set(SECRETS)

    async with Store(tmp_path):
        await until_nothing_is_held(tmp_path)


@in_loop
async def test_a_file_without_secrets_is_kept_to_the_byte(stores: Stores) -> None:
    experiment = load_experiment(
        FILE.replace("DB_PASSWORD: hunter2-s3cr3t, ", "")
        .replace('ConnectionStrings__Db: "H=x;Password=p4ss-w0rd"', "A: b")
        .replace('Authorization: "Bearer t0k3n-abc"', "A: b")
        .replace("password", "name"),
        "/x",
    )
    async with stores.open() as store:
        await store.write(greet)
        (run,) = await store.write(lambda c: submitting.submit(c, experiment, ["h1"], 1.0))
        await store.write(lambda c: leasing.lease_next(c, "h1", 2.0))
        await store.write(ended(run))

        assert await store.read(lambda c: queries.info(c, run).experiment) == experiment


@in_loop
async def test_the_text_of_a_file_that_refers_to_values_stays_to_the_letter(stores: Stores) -> None:
    file = FILE.replace(
        'ConnectionStrings__Db: "H=x;Password=p4ss-w0rd"',
        'ConnectionStrings__Db: {from: DB, prefix: "H=x;Password="}',
    )
    experiment = load_experiment(file, "/x")
    async with stores.open() as store:
        await store.write(greet)
        (run,) = await store.write(lambda c: submitting.submit(c, experiment, ["h1"], 1.0))
        await store.write(lambda c: ends.cancel(c, run, "why not", 6.0))
        kept = await store.read(lambda c: queries.info(c, run).experiment)

    assert 'prefix: "H=x;Password="}' in kept.source_text
    assert kept.source_text == experiment.source_text


@in_loop
async def test_a_lost_run_that_came_back_is_not_made_again_with_masked_values(
    stores: Stores,
) -> None:
    async with stores.open() as store:
        await store.write(greet)
        (run,) = await store.write(
            lambda c: submitting.submit(c, load_experiment(FILE, "/x"), ["h1"], 1.0)
        )
        for attempt in range(1, 4):
            await store.write(lambda c: leasing.lease_next(c, "h1", 2.0))
            key = Attempt(run_id=run, attempt=attempt)
            await store.write(partial(ends.lose, attempt=key, reason="silence", now=3.0))
        await store.write(lambda c: leasing.adopt(c, key, "h1"))
        change = await store.write(lambda c: ends.lose(c, key, "silence", 4.0))

        assert change is not None
        assert change.state == store_runs.LOST


def test_the_words_of_every_command_are_masked() -> None:
    words = ["./s", "--token", "hunter2xyz", "Host=db;Password=hunter3xyz"]
    experiment = Experiment(
        variants=[Variant(entrypoint=words), Variant(command=Command(argv=words))]
    )
    experiment.service.ready.command.argv.extend(words)
    experiment.jobs.add().command.argv.extend(words)
    found = masked_experiment(experiment)

    assert found is not None
    assert b"hunter" not in found.SerializeToString()
    assert found.jobs[0].command.argv[:2] == ["./s", "--token"]


def test_what_stands_beside_an_app_is_masked_and_else_stays_as_it_is() -> None:
    """Its port of readiness above all: a command that is not there must not take its place."""
    experiment = Experiment(
        beside=[
            Companion(
                name="cache",
                container=Variant(image="redis:8"),
                ready=CompanionReady(port=6379),
            ),
            Companion(
                name="db",
                container=Variant(environment={"DB_PASSWORD": "hunter2xyz"}),
                ready=CompanionReady(command=Words(argv=["ask", "--token", "hunter3xyz"])),
                seed=Seed(
                    argv=["psql"], input=b"CREATE USER a PASSWORD 'hunter4xyz'; --hunter2xyz"
                ),
            ),
        ]
    )
    found = masked_experiment(experiment)

    assert found is not None
    assert found.beside[0] == experiment.beside[0]
    assert b"hunter" not in found.SerializeToString()
    assert found.beside[1].seed.argv == ["psql"]


def test_a_mask_in_the_text_of_a_file_stays_a_text_in_yaml() -> None:
    text = "a: {env: {DB_PASSWORD: {value: hunter2xyz}}}\nb:\n  - hunter2xyz # hunter2xyz\n"
    found = masked_experiment(
        Experiment(variants=[Variant(environment={"DB_PASSWORD": "hunter2xyz"})], source_text=text)
    )

    assert found is not None
    assert yaml.safe_load(found.source_text) == {
        "a": {"env": {"DB_PASSWORD": {"value": "[masked 1]"}}},
        "b": ["[masked 1]"],
    }


def test_nothing_is_run_again_from_masked_values() -> None:
    with pytest.raises(NoRerun, match="masked"):
        rerun_of(
            Experiment(values_masked=True, variants=load_experiment(FILE, "/x").variants),
            "a",
            "x",
            "y",
        )
