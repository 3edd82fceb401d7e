"""Made-up runs of batch programs: a compiler as native image and as jar."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.collector.findings.run_info import RunInfo
from headstart.v1.experiment_pb2 import (
    BatchJob,
    Command,
    Compilation,
    Experiment,
    Plan,
    Service,
    Variant,
)
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.records_pb2 import (
    ExecStamp,
    Failure,
    FailureCode,
    Flag,
    FlagEffect,
    Job,
    Record,
    RunOutcome,
    RunStarted,
    RunStatus,
    Startup,
    TrialOutcome,
    TrialStarted,
)
from support.fake_runs import SECOND, host_facts


@dataclass(frozen=True)
class BatchKind:
    """How a made-up variant works: seconds of its trivial case, short and long job."""

    name: str
    compilation: Compilation.ValueType
    startup: float
    short: float
    long: float
    memory_bytes: int = 10**8


# The Closure Compiler on two cores.
_KINDS = (
    BatchKind("jar", Compilation.COMPILATION_JIT, 0.9, 7.0, 30.0),
    BatchKind("native", Compilation.COMPILATION_AOT, 0.04, 0.7, 40.0),
)


def variant_named(name: str) -> BatchKind:
    """One of the made-up variants."""
    return next(kind for kind in _KINDS if kind.name == name)


def batch_result(
    *,
    kinds: tuple[BatchKind, ...] = _KINDS,
    blocks: int = 4,
    jobs: tuple[str, ...] = ("short", "long"),
    noise: float = 0.02,
    flagged_blocks: tuple[int, ...] = (),
    failing_after: str = "",
    zero: str = "",
    wrong: bool = False,
) -> RunResult:
    """What analysis makes of a run of these, the first one the baseline.

    Of the other: `failing_after` is the last part that it does before it fails, `zero` a part
    whose time reads zero, `wrong`: its output is another one.
    """
    records = batch_records(
        kinds=kinds,
        blocks=blocks,
        jobs=jobs,
        noise=noise,
        flagged_blocks=flagged_blocks,
        failing_after=failing_after,
        zero=zero,
        wrong=wrong,
    )
    return analyse_run(_info(kinds, blocks, jobs), records)


def batch_records(
    *,
    kinds: tuple[BatchKind, ...] = _KINDS,
    blocks: int = 4,
    jobs: tuple[str, ...] = ("short", "long"),
    noise: float = 0.02,
    flagged_blocks: tuple[int, ...] = (),
    failing_after: str = "",
    zero: str = "",
    wrong: bool = False,
    seed: int = 5,
) -> Iterator[Record]:
    """Every record of such a run, in the order in which an agent sends them."""
    rng = np.random.default_rng(seed)
    yield Record(run_started=RunStarted(host=host_facts(), seed=1, blocks_planned=blocks))
    trial = 0
    for block in range(1, blocks + 1):
        for position, kind in enumerate(kinds, 1):
            trial += 1
            odd = kind is not kinds[0]
            outcome = TrialOutcome(trial=trial, block=block, position=position, variant=kind.name)
            parts = ["startup", *jobs]
            if odd and failing_after:
                parts = parts[: parts.index(failing_after) + 1]
                outcome.failure.CopyFrom(
                    Failure(code=FailureCode.FAILURE_CODE_DIED, message="it ended with 134")
                )
            for part in parts:
                seconds = getattr(kind, part) * math.exp(rng.normal(0, noise))
                _do(outcome, kind, part, 0.0 if odd and part == zero else seconds)
            if odd and wrong:
                outcome.checks_failed = 1
            if block in flagged_blocks:
                outcome.flags.add().CopyFrom(
                    Flag(code="host-load", effect=FlagEffect.FLAG_EFFECT_TRIAL_INVALID, text="busy")
                )
            yield Record(
                trial_started=TrialStarted(
                    trial=trial,
                    block=block,
                    position=position,
                    variant=kind.name,
                    runtime="process",
                )
            )
            yield Record(trial_outcome=outcome)
    ended = RunOutcome(status=RunStatus.RUN_STATUS_DONE, trials=trial, blocks_completed=blocks)
    yield Record(run_outcome=ended)


def _do(outcome: TrialOutcome, kind: BatchKind, part: str, seconds: float) -> None:
    if part != "startup":
        outcome.jobs.append(
            Job(
                input=part,
                duration_seconds=seconds,
                cpu_seconds=seconds,
                high_water_bytes=kind.memory_bytes,
            )
        )
        return
    begin = 1000 * SECOND
    outcome.startup.CopyFrom(
        Startup(
            exec_monotonic_ns=begin,
            first_correct_response_monotonic_ns=begin + round(seconds * SECOND),
            exec_stamp=ExecStamp.EXEC_STAMP_GATE,
        )
    )


def batch_experiment(
    kinds: tuple[BatchKind, ...] = _KINDS,
    blocks: int = 4,
    jobs: tuple[str, ...] = ("short", "long"),
) -> Experiment:
    """As somebody asked for such a run."""
    return Experiment(
        name="compiler",
        baseline=kinds[0].name,
        variants=[_variant(kind) for kind in kinds],
        service=Service(),
        plan=Plan(blocks=blocks),
        jobs=[BatchJob(name=name, repeat=1) for name in jobs],
    )


def _info(kinds: tuple[BatchKind, ...], blocks: int, jobs: tuple[str, ...]) -> RunInfo:
    return RunInfo(
        run_id="batch-1",
        attempt=1,
        experiment=batch_experiment(kinds, blocks, jobs),
        host=host_facts(),
        state=RunState.RUN_STATE_DONE,
        reason="",
        started_time_seconds=1_780_000_004.0,
        ended_time_seconds=1_780_001_504.0,
    )


def _variant(kind: BatchKind) -> Variant:
    command = Command(argv=[kind.name])
    return Variant(name=kind.name, compilation=kind.compilation, command=command)
