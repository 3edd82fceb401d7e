"""Whether what a terminal record counts is what the store holds."""

from collections.abc import Set
from itertools import islice

from sqlalchemy import Connection, func, select

from headstart.collector.store.tables import batches
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RecordKind, RunOutcome

_LISTED = 10


def missing(connection: Connection, attempt: Attempt, outcome: RunOutcome) -> str:
    """What the stored records of an attempt lack, in a sentence; empty: nothing.

    By the headers alone, which every release of the agent fills in: payloads stay packed,
    so that the one writer is not held up.
    """
    of_attempt = (batches.c.run_id == attempt.run_id) & (batches.c.attempt == attempt.attempt)
    kinds = select(batches.c.kind, func.count().label("records")).where(of_attempt)
    stored = {row.kind: row.records for row in connection.execute(kinds.group_by(batches.c.kind))}
    found = []
    if not stored.get(RecordKind.RECORD_KIND_RUN_STARTED):
        found.append("the record of its start is missing")
    outcomes = stored.get(RecordKind.RECORD_KIND_TRIAL_OUTCOME, 0)
    ended = select(batches.c.trial).where(
        of_attempt, batches.c.kind == RecordKind.RECORD_KIND_TRIAL_OUTCOME
    )
    trials = set(connection.execute(ended).scalars())
    lacking = outcome.trials - sum(1 <= trial <= outcome.trials for trial in trials)
    if lacking or outcomes != outcome.trials:
        found.append(
            f"the agent counted {outcome.trials} trials, the outcomes of {outcomes} are stored"
            + (f" (missing: {_first_of(outcome.trials, trials, lacking)})" if lacking else "")
        )
    return "; ".join(found)


def _first_of(counted: int, stored: Set[int], lacking: int) -> str:
    # The count is an agent's word: nothing may grow with it.
    missing = (str(trial) for trial in range(1, counted + 1) if trial not in stored)
    more = f" and {lacking - _LISTED} more" if lacking > _LISTED else ""
    return ", ".join(islice(missing, _LISTED)) + more
