"""Runs in a store as an agent's records and the collector's bookkeeping leave them."""

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path

from headstart.collector.store import (
    hello as store_hello,
    hosts as store_hosts,
    leasing,
    records as store_records,
    submitting,
)
from headstart.collector.store.decode import decode
from headstart.collector.store.sqlite import reader_engine
from headstart.collector.store.store import Store
from headstart.collector.store.writer import Append, Appended
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import CheckOutcome, Record, RecordKind, RunOutcome, RunStatus
from support.attending import envelope, hello


async def record(
    store: Store,
    experiment: Experiment,
    records: Iterable[Record],
    end: bool = True,
    host: str = "",
) -> str:
    """A run with these records, from a host and a stream of its own; `end`: it is DONE."""
    hosts = await store.read(lambda c: len(store_hosts.states(c)))
    host, stream = host or f"h{hosts + 1}", f"s{hosts + 1}"
    said = hello(host=host, stream_id=stream)
    # Times that a collector takes for true.
    began = time.time() - 60
    await store.write(lambda c: store_hello.greet(c, said, began))
    (run_id,) = await store.write(lambda c: submitting.submit(c, experiment, [host], began + 1))
    await store.write(lambda c: leasing.lease_next(c, host, began + 2))
    records = list(records)
    rows = [
        store_records.row_of(stream, envelope(n, run_id, record=each))
        for n, each in enumerate(records, 1)
    ]
    attempt = Attempt(run_id=run_id, attempt=1)
    outcomes = [(attempt, _outcome(records))] if end else []
    done: asyncio.Future[Appended] = asyncio.get_running_loop().create_future()
    store.append(Append(stream, rows, len(rows), outcomes, done.set_result))
    assert (await done).fault is None
    return run_id


def _outcome(records: Iterable[Record]) -> RunOutcome:
    told = [record.run_outcome for record in records if record.HasField("run_outcome")]
    return told[-1] if told else RunOutcome(status=RunStatus.RUN_STATUS_DONE)


def recorded(
    folder: Path, experiment: Experiment, *runs: Iterable[Record], host: str = ""
) -> list[str]:
    """Runs that are DONE in the data folder of a collector that does not run."""

    async def write() -> list[str]:
        async with Store(folder) as store:
            return [await record(store, experiment, records, host=host) for records in runs]

    return asyncio.run(write())


def check_outcomes(data: Path, run_id: str) -> list[CheckOutcome]:
    """What became of each check in each trial, from the folder of a collector."""
    engine = reader_engine(data / "headstart.sqlite")
    kinds = [RecordKind.RECORD_KIND_CHECK_OUTCOME]
    found = store_records.envelopes(engine, run_id, 1, kinds)
    return [decode(each).check_outcome for each in found]
