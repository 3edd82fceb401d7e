"""A store that holds results of many ended runs, as one of years does."""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection, insert

from headstart.collector.findings.json import to_json
from headstart.collector.store.database import database_of
from headstart.collector.store.store import FILE_NAME, Store
from headstart.collector.store.tables import experiments, hosts, results, runs
from headstart.v1.experiment_pb2 import Experiment, Plan, Variant
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.host_pb2 import HostFacts, Policy
from support.metrics_results import run_result

# When the first of the runs ended, Unix time.
_BEGAN = 1_700_000_000.0
_RUNS_A_HOST = 20


async def fill(
    data: Path, count: int, variants: Sequence[str] = ("jit", "aot"), url: str = ""
) -> None:
    """Put in so many results, each of an experiment and host of its own; the last one is newest.

    `url`: of the database that holds the store; empty: a file in the folder does.
    """
    store = Store(data, database_of(url, data.absolute() / FILE_NAME))
    await store.write(lambda connection: _put(connection, count, variants))
    await store.close()


def host_of(number: int) -> str:
    """The host of a run, from 0."""
    return f"h{number // _RUNS_A_HOST}"


def _put(connection: Connection, count: int, variants: Sequence[str]) -> None:
    names = sorted({host_of(number) for number in range(count)})
    facts = {name: HostFacts(host=name).SerializeToString() for name in names}
    policy = Policy().SerializeToString()
    connection.execute(
        insert(hosts),
        [
            {
                "host": name,
                "facts": facts[name],
                "policy": policy,
                "first_seen_seconds": _BEGAN,
                "last_seen_seconds": _BEGAN,
            }
            for name in names
        ],
    )
    for number in range(count):
        experiment, host, ended = f"e{number}", host_of(number), _BEGAN + number
        run_id = f"20260101-000000-{number:04d}"
        asked = Experiment(
            name=experiment,
            baseline=variants[0],
            variants=[Variant(name=name, image=name) for name in variants],
            plan=Plan(blocks=1),
        )
        connection.execute(
            insert(experiments).values(
                id=number + 1,
                name=experiment,
                revision="",
                source_text="",
                experiment=asked.SerializeToString(),
                submitted_seconds=ended,
            )
        )
        connection.execute(
            insert(runs).values(
                run_id=run_id,
                experiment_id=number + 1,
                host=host,
                facts=facts[host],
                state=RunState.RUN_STATE_DONE,
                attempt=1,
                losses=0,
                cancel_requested=False,
                reason="",
                submitted_seconds=ended,
                started_seconds=ended,
                ended_seconds=ended,
                progress=b"",
                pruned_seconds=ended,
            )
        )
        result = run_result(experiment, host, ended=ended, variants=variants)
        connection.execute(
            insert(results).values(
                run_id=run_id,
                attempt=1,
                result_json=to_json(result).replace(result.run_id, run_id),
                fault="",
                analysed_seconds=ended,
            )
        )
