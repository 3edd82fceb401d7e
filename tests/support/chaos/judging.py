"""Hold every run against the record of the servers that were measured for it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from headstart.v1.experiments_pb2 import (
    GetRequest,
    ReportFormat,
    ReportRequest,
    RunState,
    RunSummary,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.enums import word
from support.chaos.collector_faults import SetBack
from support.chaos.operators import Operator
from support.chaos.submitting import BLOCKS, CALL_SECONDS, CONNECTIONS, VARIANTS, Submitter
from support.counting_server import LOAD

_TRIALS = BLOCKS * len(VARIANTS)


@dataclass
class Verdict:
    """What became of it all: `lost`, `twice` and `wrong` say one run each, and should be empty."""

    states: Counter[str] = field(default_factory=Counter)
    # Of runs that ended otherwise than done: the state and the reason.
    reasons: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    # Experiments that were accepted after a backup that was restored later.
    forgotten: list[str] = field(default_factory=list)
    trials: int = 0
    failed_trials: int = 0
    requests: int = 0

    @property
    def faults(self) -> list[str]:
        """Each with its kind."""
        kinds = {"lost": self.lost, "twice": self.twice, "wrong": self.wrong}
        found = [f"{kind}: {each}" for kind, all_of in kinds.items() for each in all_of]
        if self.states["incomplete"]:
            found.append(f"lost: {self.states['incomplete']} runs are incomplete")
        return found


def judge(
    runs: list[RunSummary],
    submitter: Submitter,
    set_back: list[SetBack],
    operator: Operator,
) -> Verdict:
    """Of all runs, once none is open."""
    verdict = Verdict()
    there = Counter(run.experiment for run in runs)
    for name, accepted_seconds in submitter.accepted.items():
        if there[name]:
            continue
        where = f"{name}, accepted at {accepted_seconds:.1f}"
        # The answer was on its way for a while.
        if any(
            each.backup_seconds <= accepted_seconds <= each.restored_seconds + CALL_SECONDS
            for each in set_back
        ):
            verdict.forgotten.append(where)
        else:
            verdict.lost.append(f"{where}, is not there")
    for name, count in there.items():
        if count > 1:
            verdict.twice.append(f"{name} is there {count} times")
        if name not in submitter.accepted and name not in submitter.undetermined:
            verdict.wrong.append(f"{name} was not submitted")
    for run in runs:
        verdict.states[word(RunState, run.state)] += 1
        if run.state == RunState.RUN_STATE_DONE:
            # A certificate ends before there are many of them.
            with operator.experiments() as stub:
                _hold(run, submitter.records, stub, verdict)
        else:
            verdict.reasons[f"{word(RunState, run.state)}: {run.reason}"] += 1
    return verdict


def _hold(run: RunSummary, records: Path, stub: ExperimentsServiceStub, verdict: Verdict) -> None:
    outcomes = stub.Get(GetRequest(run_id=run.run_id), timeout=CALL_SECONDS).trials
    asked = ReportRequest(run_id=run.run_id, format=ReportFormat.REPORT_FORMAT_JSON)
    report = yaml.safe_load(b"".join(piece.chunk for piece in stub.Report(asked)))
    served = _served(run, records)
    where = f"run {run.run_id}, attempt {run.attempt}"
    trials = sorted(outcome.trial for outcome in outcomes)
    if len(set(trials)) != len(trials):
        verdict.twice.append(f"{where}: the outcomes are of trials {trials}")
    if set(trials) != set(range(1, _TRIALS + 1)):
        verdict.lost.append(f"{where}: the outcomes are of trials {trials}, {_TRIALS} were planned")
    counted = sum(variant["trials"] for variant in report["variants"])
    if counted != len(outcomes):
        verdict.wrong.append(f"{where}: {counted} trials in the report of {len(outcomes)}")
    if unknown := served.keys() - set(trials):
        verdict.lost.append(f"{where}: trials {sorted(unknown)} were served, not counted")
    for outcome in outcomes:
        answered = served.get(outcome.trial, [])
        if outcome.HasField("failure"):
            verdict.failed_trials += 1
            continue
        verdict.trials += 1
        verdict.requests += outcome.load.completed
        said = (
            f"{where}, trial {outcome.trial}: {outcome.load.completed} requests counted, its "
            f"servers answered {answered}"
        )
        if len(answered) > 1:
            verdict.twice.append(said)
        # What was on its way at the end of the load was answered and is not counted.
        elif not answered or not (0 <= answered[0] - outcome.load.completed <= CONNECTIONS):
            verdict.wrong.append(said)


def _served(run: RunSummary, records: Path) -> dict[int, list[int]]:
    """Requests of the load, by trial, of each server that was started for it."""
    found: dict[int, list[int]] = {}
    prefix = f"headstart-{run.run_id}-{run.attempt}-t"
    for record in records.glob(f"{prefix}*"):
        trial = int(record.name.removeprefix(prefix).split(".")[0])
        found.setdefault(trial, []).append(record.read_bytes().count(LOAD))
    return found
