"""What the machines of the pictures have run: experiments over revisions, as agents record them."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from headstart.collector.experiments.aa import as_aa
from headstart.collector.experiments.rerun import AFTER, BEFORE
from headstart.v1.experiment_pb2 import Build, Experiment, Gate
from headstart.v1.records_pb2 import CheckOutcome, Record, TrialOutcome
from headstart.words import metrics
from support.fake_batches import batch_experiment, batch_records, variant_named
from support.fake_builds import builds
from support.fake_runs import AOT, BROKEN, JIT, R2R, Fake, Kind
from support.pictured.hosts import EPYC_1, EPYC_UNFIT, XEON_1, XEON_2, XEON_AWAY, Machine

DAY = 86_400.0
# From this one on (counted from 0) ahead-of-time builds of the players start slower on Xeons.
SLOWER_FROM = 8
_ANSWERS_WRONGLY = "trimmed"
REVISIONS = tuple(f"{zlib.crc32(f'revision {number}'.encode()):08x}"[:7] for number in range(12))


@dataclass(frozen=True)
class Ran:
    """One run: what was asked, where, when it ended (seconds before now), and what came of it."""

    experiment: Experiment
    machine: Machine
    age_seconds: float
    records: tuple[Record, ...] = field(repr=False)


def everything() -> list[Ran]:
    """All runs, the oldest first."""
    ran = [*_players(), *_squad(), *_compiler(), *_aa()]
    return sorted(ran, key=lambda each: -each.age_seconds)


def rerun(ran: Ran) -> Ran:
    """The run that a collector queues to confirm what it found in `ran`: old against new."""
    before = replace(AOT, name=BEFORE)
    after = replace(before, name=AFTER, startup_ms=AOT.startup_ms * 1.25)
    fake = replace(_fake((before, after), ran.machine, seed=31), blocks=12)
    experiment = _named(fake.experiment(), "rerun", ran.experiment.revision)
    return _ran(experiment, ran.machine, ran.age_seconds, fake, ran.experiment.revision)


def _players() -> Iterator[Ran]:
    """Three variants on both kinds of hardware; one of them is slower since a revision."""
    for number, revision in enumerate(REVISIONS):
        newest = number == len(REVISIONS) - 1
        for place, machine in enumerate((XEON_1, XEON_2, EPYC_1)):
            slower = number >= SLOWER_FROM and machine is not EPYC_1
            aot = replace(AOT, startup_ms=AOT.startup_ms * (1.25 if slower else 1.0))
            fake = _fake((JIT, R2R, aot), machine, seed=100 * number + place, brief=not newest)
            age = (len(REVISIONS) - number) * 2.3 * DAY - place * 1_800
            extra = tuple(builds()) if newest else ()
            experiment = _named(fake.experiment(), "players-api", revision)
            if newest:
                _built(experiment)
            yield _ran(experiment, machine, age, fake, revision, extra)


def _squad() -> Iterator[Ran]:
    """Of its variants one does not start, and one gives wrong answers; gates are stated."""
    wrong = replace(R2R, name=_ANSWERS_WRONGLY, image_mb=61.0, startup_ms=198)
    for number, revision in enumerate(REVISIONS[-4:]):
        for place, machine in enumerate((XEON_1, EPYC_1, XEON_AWAY)):
            fake = replace(
                _fake(
                    (JIT, AOT, wrong, BROKEN),
                    machine,
                    seed=5_000 + 100 * number + place,
                    brief=number < 3,
                ),
                disturb=_wrong_answers,
            )
            experiment = _named(fake.experiment(), "squad-api", revision)
            experiment.gates.gates.extend(
                [
                    Gate(metric=metrics.STARTUP.name, maximum=0.100),
                    Gate(metric=metrics.RSS_LOAD.name, margin=0.05),
                    Gate(metric=metrics.THROUGHPUT_STEADY.name, margin=0.05),
                ]
            )
            age = (4 - number) * 0.3 * DAY - 7_200 - place * 1_800
            yield _ran(experiment, machine, age, fake, revision)


def _compiler() -> Iterator[Ran]:
    """A batch program as jar and as native image: which pays off from how many jobs on."""
    for number, revision in enumerate(REVISIONS[-3:]):
        for place, machine in enumerate((XEON_2, EPYC_1)):
            experiment = _named(batch_experiment(), "compiler", revision)
            kinds = (
                replace(variant_named("jar"), memory_bytes=245_000_000),
                replace(variant_named("native"), memory_bytes=132_000_000),
            )
            records = batch_records(kinds=kinds, seed=7_000 + 10 * number + place)
            age = (3 - number) * 0.25 * DAY - 14_400 - place * 1_800
            yield Ran(experiment, machine, age, tuple(_as_of(records, machine, revision)))


def _aa() -> Iterator[Ran]:
    """The same variant twice: on one host there is no difference, on the other there is."""
    for machine, apart in ((XEON_1, 1.0), (EPYC_1, 1.0), (EPYC_UNFIT, 1.15)):
        again = replace(
            JIT,
            name="jit-again",
            startup_ms=JIT.startup_ms * apart,
            load_rss_mb=JIT.load_rss_mb * apart,
        )
        fake = _fake((JIT, again), machine, seed=int(9_000 * machine.pace))
        plain = _named(replace(fake, kinds=(JIT,)).experiment(), "players-api", REVISIONS[-1])
        yield _ran(as_aa(plain), machine, 0.9 * DAY, fake, REVISIONS[-1])


def _built(experiment: Experiment) -> None:
    """As a file asks for it whose images are built and timed on the host."""
    for variant in experiment.variants:
        variant.build.CopyFrom(
            Build(context="src", clean_repetitions=3, cached_repetitions=1, context_on_host=True)
        )


def _wrong_answers(outcome: TrialOutcome) -> None:
    if outcome.variant == _ANSWERS_WRONGLY:
        outcome.checks_passed = 3
        outcome.checks_failed = 1


def _fake(kinds: tuple[Kind, ...], machine: Machine, seed: int, *, brief: bool = False) -> Fake:
    """`brief`: for a run of which only the history is left; making records takes time."""
    return Fake(
        kinds=tuple(_paced(kind, machine) for kind in kinds),
        blocks=3 if brief else 9,
        load_every=2,
        load_seconds=6.0 if brief else 60.0,
        sample_seconds=0.5,
        noise=machine.noise,
        seed=seed,
        checks=4,
    )


def _paced(kind: Kind, machine: Machine) -> Kind:
    return replace(
        kind,
        startup_ms=kind.startup_ms * machine.pace,
        first_per_second=kind.first_per_second / machine.pace,
        steady_per_second=kind.steady_per_second / machine.pace,
    )


def _named(experiment: Experiment, name: str, revision: str) -> Experiment:
    experiment.name = name
    experiment.revision = revision
    for variant in experiment.variants:
        if variant.image:
            variant.image = f"{name.removesuffix('-api')}:{variant.name}-{revision}"
    return experiment


def _ran(
    experiment: Experiment,
    machine: Machine,
    age_seconds: float,
    fake: Fake,
    revision: str,
    extra: tuple[Record, ...] = (),
) -> Ran:
    *records, outcome = _as_of(fake.records(), machine, revision)
    return Ran(experiment, machine, age_seconds, (*records, *extra, outcome))


def _as_of(records: Iterator[Record], machine: Machine, revision: str) -> Iterator[Record]:
    """The records as this machine's agent sends them, of images that this revision made."""
    for record in records:
        if record.HasField("run_started"):
            record.run_started.host.CopyFrom(machine.facts())
            for variant in record.run_started.variants:
                variant.digest = f"sha256:{f'{variant.variant} {revision}'.encode().hex():0<64}"
        yield record
        if record.HasField("trial_started") and record.trial_started.variant == _ANSWERS_WRONGLY:
            yield Record(
                check_outcome=CheckOutcome(
                    trial=record.trial_started.trial,
                    check="GET /squads",
                    expected="status 200",
                    actual="status 500",
                    status=500,
                )
            )
