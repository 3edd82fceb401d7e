"""A database whose server lives on and only reads, since another one took over."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from headstart.collector.store.epoch import Epoch
from headstart.collector.store.epoch_tables import make_ready
from headstart.collector.store.postgresql import PostgresDatabase
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from support.attending import in_loop
from support.postgres_server import missing, with_replica

pytestmark = [pytest.mark.postgresql, pytest.mark.alone]


@in_loop
async def test_a_server_that_only_reads_by_now_is_left_for_the_one_that_took_over(
    tmp_path: Path,
) -> None:
    if reason := missing():
        pytest.skip(reason)
    with with_replica() as (first, second):
        url = f"postgresql://tester@/headstart?host={first.folder},{second.folder}"
        make_ready(PostgresDatabase(url, alone=False))
        epoch = Epoch(url, "process 1", "one:7070")
        term = epoch.take(epoch.look())
        assert term is not None
        async with Store(tmp_path, PostgresDatabase(url)) as store:
            await store.flush()
            first.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
            first.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            first.sql("SELECT pg_reload_conf()")
            second.promote()

            deadline = time.monotonic() + 60
            refused = False
            while not refused or store.problem:
                assert time.monotonic() < deadline
                try:
                    await store.flush()
                except StoreFault:
                    refused = True
            beats = "SELECT beats FROM epoch_beats"
            before = int(second.sql(beats, "headstart"))
            assert answered(lambda: epoch.beat(term), deadline)
            assert int(second.sql(beats, "headstart")) == before + 1
        epoch.close()


def answered(ask: Callable[[], bool], deadline: float) -> bool:
    while True:
        with suppress(psycopg.Error):
            return ask()
        assert time.monotonic() < deadline
