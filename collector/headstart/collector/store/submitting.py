"""How runs get into the store: an experiment, and a queued run for each of its hosts.

Every function works on the caller's connection and within its transaction.
"""

import logging
import secrets
import time
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select

from headstart.collector.store.end_order import NOT_ENDED
from headstart.collector.store.queue import PLAIN, Wish, as_column, require_free
from headstart.collector.store.runs import FACTS_OF_HOST, QUEUED
from headstart.collector.store.tables import experiments, runs
from headstart.v1.experiment_pb2 import Experiment
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

# Crockford's base 32 without the letters that are mistaken for digits, lower case
# so that a run id may be part of a container's name.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def new_run_id(now: float) -> str:
    """UTC time to the second and four random letters: short, and sorted by time."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{''.join(secrets.choice(_ALPHABET) for _ in range(4))}"


def submit(
    connection: Connection,
    experiment: Experiment,
    on_hosts: Sequence[str],
    now: float,
    wish: Wish = PLAIN,
) -> list[str]:
    """Store the experiment and one queued run for every host; the run ids. Raises HostsBusy."""
    if wish.unless_busy:
        require_free(connection, on_hosts)
    experiment_id = connection.execute(
        insert(experiments).values(
            name=experiment.name,
            revision=experiment.revision,
            source_text=experiment.source_text,
            experiment=experiment.SerializeToString(),
            submitted_seconds=now,
        )
    ).inserted_primary_key[0]  # type: ignore[index]  # a single-row insert always has one
    made = _unused_run_ids(connection, now, len(on_hosts))
    connection.execute(
        insert(runs).values(
            run_id=bindparam("which"),
            experiment_id=experiment_id,
            host=bindparam("of_host"),
            facts=FACTS_OF_HOST,
            state=QUEUED,
            attempt=0,
            losses=0,
            cancel_requested=False,
            reason="",
            submitted_seconds=now,
            started_seconds=0.0,
            **NOT_ENDED,
            progress=b"",
            pruned_seconds=0.0,
            priority=wish.priority,
            expires_seconds=wish.expires_seconds,
            candidates=as_column(wish.candidates),
        ),
        [{"which": which, "of_host": host} for which, host in zip(made, on_hosts, strict=True)],
    )
    return made


def log_submitted(run_id: str, experiment: Experiment, host: str, who: str) -> None:
    """Once the run is durable."""
    fields = with_fields(
        run=run_id, experiment=experiment.name, revision=experiment.revision, host=host, who=who
    )
    log.info("run submitted", extra=fields)


def _unused_run_ids(connection: Connection, now: float, number: int) -> list[str]:
    made: dict[str, None] = {}
    while len(made) < number:
        more = {new_run_id(now) for _ in range(number - len(made))}
        taken = connection.execute(select(runs.c.run_id).where(runs.c.run_id.in_(more))).scalars()
        made |= dict.fromkeys(more.difference(taken))
    return list(made)
