"""The longest run of the budget, made up and stored as an agent sends it.

10 variants x 30 blocks, each trial 600 s under load, sampled every 20 ms with all that an agent
reads: five quantities each time, and eight once a second.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

from headstart.agent.uplink.wire import envelope_of
from headstart.collector.store import (
    hello as store_hello,
    leasing,
    records as store_records,
    submitting,
)
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.writer import Append, Appended
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import Quantity, RunOutcome, SampleBatch, SampleColumn
from support.attending import as_sent, hello
from support.fake_runs import AOT, JIT, Fake

VARIANTS, BLOCKS = 10, 30

_PART = 2_000
_EACH_TIME = (
    Quantity.QUANTITY_PROCESSES,
    Quantity.QUANTITY_CGROUP_MEMORY_BYTES,
    Quantity.QUANTITY_GENERATOR_CPU_US,
)
_EACH_SECOND = (
    Quantity.QUANTITY_CPU_USER_US,
    Quantity.QUANTITY_CPU_SYSTEM_US,
    Quantity.QUANTITY_THREADS,
    Quantity.QUANTITY_READ_BYTES,
    Quantity.QUANTITY_WRITE_BYTES,
    Quantity.QUANTITY_CGROUP_THROTTLED_US,
    Quantity.QUANTITY_HOST_BUSY_US,
    Quantity.QUANTITY_HOST_STEAL_US,
)


def store_run(folder: Path, blocks: int) -> tuple[Path, str]:
    """A store with such a run of so many blocks, which has ended: its file, the run's id."""
    return asyncio.run(_store_run(folder, _fake(blocks)))


def _fake(blocks: int) -> Fake:
    kinds = tuple(replace((JIT, AOT)[i % 2], name=f"v{i}") for i in range(VARIANTS))
    return Fake(kinds, blocks=blocks, load_every=1, load_seconds=600.0, sample_seconds=0.02)


async def _store_run(folder: Path, fake: Fake) -> tuple[Path, str]:
    async with Store(folder) as store:
        await store.write(lambda c: store_hello.greet(c, hello(), 1.0))
        (run_id,) = await store.write(
            lambda c: submitting.submit(c, fake.experiment(), ["h1"], 2.0)
        )
        await store.write(lambda c: leasing.lease_next(c, "h1", 3.0))
        rows = _rows(fake, run_id)
        upto = 0
        while part := list(islice(rows, _PART)):
            upto += len(part)
            done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
            # The outcome ends the run, with the last of its rows.
            ended = [(Attempt(run_id=run_id, attempt=1), o) for _, o in part if o is not None]
            store.append(Append("s1", [r for r, _ in part], upto, ended, done.set_result))
            fault = (await done).fault
            if fault is not None:
                raise fault
        return folder / FILE_NAME, run_id


def _rows(fake: Fake, run_id: str) -> Iterator[tuple[dict[str, Any], RunOutcome | None]]:
    """Rows of the store, and what ends the run where one is that."""
    for sequence, record in enumerate(fake.records(), 1):
        sent = as_sent(record)
        if sent.HasField("samples"):
            _fill(sent.samples)
        envelope = envelope_of(getattr(sent, str(sent.WhichOneof("record"))), run_id, 1)
        envelope.sequence = sequence
        outcome = sent.run_outcome if sent.HasField("run_outcome") else None
        yield store_records.row_of("s1", envelope), outcome


def _fill(batch: SampleBatch) -> None:
    """With what the made-up run leaves out."""
    batch.columns.extend(_others(len(batch.time_delta_us)))


@cache
def _others(rows: int) -> tuple[SampleColumn, ...]:
    each = [
        SampleColumn(quantity=q, delta=[90_000_000, *[4096, 0] * rows][:rows]) for q in _EACH_TIME
    ]
    slow = [
        SampleColumn(quantity=q, delta=[90_000_000, *[0] * (rows - 1)], absent_rows=range(1, rows))
        for q in _EACH_SECOND
    ]
    return (*each, *slow)
