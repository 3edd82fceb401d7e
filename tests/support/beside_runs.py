"""A made-up run with a database beside the app, which works harder for one variant."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.v1.experiment_pb2 import (
    Companion,
    CompanionLife,
    CompanionReady,
    Experiment,
    Seed,
    Variant,
)
from headstart.v1.records_pb2 import CompanionUse, Record, ResolvedVariant, TrialOutcome
from support.fake_runs import AOT, JIT, MIB, Fake, Kind

DB = Companion(
    name="db",
    container=Variant(name="beside.db", image="postgres:17"),
    ready=CompanionReady(port=5432, timeout_seconds=60),
    life=CompanionLife.COMPANION_LIFE_TRIAL,
    seed=Seed(argv=["psql"], timeout_seconds=60),
    memory_limit_bytes=512 * MIB,
    cpu_limit=1,
    cpus="1",
)
CACHE = Companion(
    name="cache",
    container=Variant(name="beside.cache", image="cache:<b>1</b>"),
    life=CompanionLife.COMPANION_LIFE_RUN,
)


@dataclass(frozen=True)
class BesideFake(Fake):
    """Trials of block n: the cache was made for the first trial alone."""

    kinds: tuple[Kind, ...] = (replace(JIT, climb_seconds=0), AOT)
    blocks: int = 6
    load_every: int = 2
    load_seconds: float = 10.0

    def experiment(self) -> Experiment:
        found = super().experiment()
        found.beside.extend([DB, CACHE])
        return found

    def records(self) -> Iterator[Record]:
        for record in super().records():
            if record.HasField("run_started"):
                record.run_started.others.extend(
                    [
                        ResolvedVariant(
                            variant="beside.db", digest="sha256:db", argv=["postgres", "-c", "a"]
                        ),
                        ResolvedVariant(variant="beside.cache", digest="sha256:cache"),
                    ]
                )
            if record.HasField("trial_outcome"):
                outcome = record.trial_outcome
                outcome.beside.extend(_uses(outcome))
            yield record


def _uses(outcome: TrialOutcome) -> Iterator[CompanionUse]:
    work = 2.0 if outcome.variant == "aot" else 1.0
    load = outcome.load.completed * 1e-5 if outcome.HasField("load") else 0.0
    yield CompanionUse(
        name="db",
        ready_seconds=1.5,
        cpu_seconds=work * (0.25 + load),
        memory_bytes=int(80e6 * work),
        memory_peak_bytes=int(100e6 * work),
    )
    yield CompanionUse(name="cache", ready_seconds=0.25 if outcome.trial == 1 else 0, oom_kills=2)


def beside_result() -> RunResult:
    """What analysis makes of it."""
    fake = BesideFake()
    return analyse_run(fake.info(), fake.records())
