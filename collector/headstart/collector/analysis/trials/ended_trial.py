"""What the outcome of a trial says by itself; without its samples, and so without numpy."""

from headstart.v1.records_pb2 import ExecStamp, FailureCode, Startup, TrialOutcome
from headstart.words.enums import word


def outcome_word(outcome: TrialOutcome) -> str:
    """Of a trial that ended: `measured`, or the code of its failure."""
    if not outcome.HasField("failure"):
        return "measured"
    return word(FailureCode, outcome.failure.code) or "failed"


def exec_ns(startup: Startup) -> int:
    """The stamp that stands for exec, by its source."""
    if startup.exec_stamp == ExecStamp.EXEC_STAMP_PROC_CONNECTOR:
        return startup.exec_kernel_monotonic_ns
    if startup.exec_stamp == ExecStamp.EXEC_STAMP_DEGRADED:
        return startup.start_call_monotonic_ns
    return startup.exec_monotonic_ns
