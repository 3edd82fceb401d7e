"""What fits into an answer: a client takes 4 MiB, and whoever fills it keeps all others from it."""

from collections.abc import Iterable

import grpc

from headstart.collector.api.status_codes import Status
from headstart.collector.config import MEBIBYTE
from headstart.v1.experiments_pb2 import HostState, RunSummary
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import TrialOutcome

LARGEST_BYTES = 3 * MEBIBYTE
# What an agent says, in a list of runs; a report says it all.
_LONGEST_WORDS = 1000


def runs_that_fit(summaries: list[RunSummary]) -> list[RunSummary]:
    """Each with the beginning of what its agent says. Raises Status when they are too many."""
    for summary in summaries:
        summary.reason = _cut(summary.reason)
        if summary.HasField("progress"):
            summary.progress.doing = _cut(summary.progress.doing)
    size = sum(summary.ByteSize() for summary in summaries)
    if size > LARGEST_BYTES:
        raise _too_large(f"{len(summaries)} runs", size, "ask for fewer")
    return summaries


def hosts_that_fit(states: list[HostState]) -> list[HostState]:
    """All of them; where they are too many, those that say more than their share say less."""
    for state in states:
        state.not_ready = _cut(state.not_ready)
        state.drain_reason = _cut(state.drain_reason)
    if sum(state.ByteSize() for state in states) <= LARGEST_BYTES:
        return states
    share = LARGEST_BYTES // len(states)
    for state in states:
        if state.ByteSize() > share:
            for name in ("fingerprint_inputs", "other", "advice", "load_drivers"):
                state.host.ClearField(name)
        if state.ByteSize() > share:
            # A name is short: it was checked at the hello.
            state.host.CopyFrom(HostFacts(host=state.host.host))
            state.not_ready = state.not_ready[:100]
            state.drain_reason = state.drain_reason[:100]
    return states


def trials_that_fit(outcomes: Iterable[TrialOutcome]) -> list[TrialOutcome]:
    """All of them, without what applications printed and latencies where it is too much.

    Never holds much more than an answer. Raises Status when even that is too large.
    """
    kept: list[TrialOutcome] = []
    size, brief = 0, False
    for outcome in outcomes:
        if brief:
            _shorten(outcome)
        kept.append(outcome)
        size += outcome.ByteSize()
        if size > LARGEST_BYTES and not brief:
            brief = True
            for each in kept:
                _shorten(each)
            size = sum(each.ByteSize() for each in kept)
        if size > LARGEST_BYTES:
            raise _too_large(f"{len(kept)} trials", size, "ask for one variant")
    return kept


def _shorten(outcome: TrialOutcome) -> None:
    outcome.ClearField("output_tail")
    if outcome.HasField("failure"):
        outcome.failure.ClearField("output_tail")
    if outcome.HasField("load"):
        outcome.load.ClearField("latency")


def _cut(words: str) -> str:
    return words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]} ..."


def _too_large(what: str, size: int, instead: str) -> Status:
    return Status(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"{what} have {size} bytes or more, more than a message takes: {instead}",
    )
