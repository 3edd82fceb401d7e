"""The states of a run, as `RunState` of the wire reads in words."""

from enum import StrEnum


class RunWord(StrEnum):
    """Where a run stands."""

    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    # The agent died, or the lease ended without a last record.
    LOST = "lost"
    # Not all records are stored: nothing is judged by it.
    INCOMPLETE = "incomplete"


# Ended without its plan, by its own fault or by a wish.
CUT_SHORT = (RunWord.FAILED, RunWord.CANCELLED)
# Its records, or its agent, are gone.
RECORDS_GONE = (RunWord.INCOMPLETE, RunWord.LOST)
