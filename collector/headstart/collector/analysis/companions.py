"""What stood beside the app, as results: shown beside the figures of variants, never compared."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median

from headstart.collector.analysis.trials.trial_records import RunRecords, Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.findings import Companion, CompanionTook
from headstart.collector.findings.unlike_companions import settings_beside, settings_digest
from headstart.v1 import experiment_pb2 as pb
from headstart.v1.records_pb2 import CompanionUse, ResolvedVariant
from headstart.words.containers import COMPANION_PREFIX
from headstart.words.enums import word
from headstart.words.foreign.secrets import shown_words, without_values
from headstart.words.metric import Stage

_Used = tuple[Trial, CompanionUse]
_MOST_CPUS = 9999


def companions(experiment: pb.Experiment, run: RunRecords) -> Iterator[Companion]:
    """One for each of the file, in its order."""
    resolved = {each.variant: each for each in run.started.others} if run.started else {}
    names = [variant.name for variant in experiment.variants]
    stated = settings_beside(experiment.source_text) if experiment.beside else {}
    for companion in experiment.beside:
        found = resolved.get(COMPANION_PREFIX + companion.name, ResolvedVariant())
        uses = [
            (trial, use)
            for trial in run.trials
            for use in trial.outcome.beside
            if use.name == companion.name
        ]
        # One that stood there before a trial says nothing of how long it took.
        ready = [use.ready_seconds for _, use in uses if use.ready_seconds > 0]
        life = word(pb.CompanionLife, companion.life) or "trial"
        yield Companion(
            name=companion.name,
            image=companion.container.image,
            digest=found.digest,
            argv=tuple(found.argv),
            life=life,
            ready_when=_ready_when(companion.ready),
            seeded=companion.HasField("seed"),
            memory_limit_bytes=companion.memory_limit_bytes,
            cpu_limit=companion.cpu_limit,
            cpus=companion.cpus,
            ready_seconds=_median(ready),
            starts=len(ready),
            oom_kills=_killed(life, [use for _, use in uses]),
            failure_message=found.failure.message,
            took=tuple(_took(names, uses)),
            settings=settings_digest(stated.get(companion.name, {})),
        )


def companion_remarks(experiment: pb.Experiment) -> Iterator[str]:
    """Where one may take the CPUs of the app, which then waits for them."""
    server = _cpus(experiment.plan.server_cpus)
    for companion in experiment.beside:
        shared = server & _cpus(companion.cpus)
        if shared:
            listed = ", ".join(map(str, sorted(shared)))
            yield (
                f"{companion.name} beside the app may run on CPU {listed}, as the app does: what it"
                " takes there, the app waits for. `cpus` of it says where it may run."
            )
        elif not server:
            yield (
                f"{companion.name} beside the app may run on the app's CPUs, since"
                " `plan.cpus.server` does not say which these are: what it takes there, the app"
                " waits for."
            )


def _cpus(listed: str) -> set[int]:
    """Of a cpuset list; what is none has none."""
    found: set[int] = set()
    for part in filter(None, listed.split(",")):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal():
            found.update(range(int(first), min(int(last or first), _MOST_CPUS) + 1))
    return found


def _ready_when(ready: pb.CompanionReady) -> str:
    match ready.WhichOneof("kind"):
        case "port":
            return f"it listens on port {ready.port}"
        case "command":
            return f"{' '.join(shown_words(ready.command.argv))} exits with 0"
        case "log_pattern":
            return f"its output has {without_values(ready.log_pattern)}"
        case _:
            return "its program was started"


def _killed(life: str, uses: Sequence[CompanionUse]) -> int:
    """Each counts since it was made: one that lives for the run counts on."""
    counts = [use.oom_kills for use in uses]
    return max(counts, default=0) if life == "run" else sum(counts)


def _took(names: Iterable[str], uses: Sequence[_Used]) -> Iterator[CompanionTook]:
    counting = [each for each in uses if _counts(each[0])]
    for variant in names:
        for under_load in (True, False):
            of_them = [
                (trial, use)
                for trial, use in counting
                if trial.variant == variant and trial.outcome.HasField("load") == under_load
            ]
            if of_them:
                yield CompanionTook(
                    variant=variant,
                    under_load=under_load,
                    trials=len(of_them),
                    cpu_seconds=_over(of_them, lambda _trial, use: use.cpu_seconds),
                    cpu_seconds_per_answer=_over(of_them, _per_answer),
                    memory_bytes=_over(of_them, lambda _trial, use: use.memory_bytes),
                    memory_peak_bytes=_over(of_them, lambda _trial, use: use.memory_peak_bytes),
                )


def _counts(trial: Trial) -> bool:
    """What failed or answered wrongly gave it other work."""
    return (
        not trial.outcome.HasField("failure")
        and validity_of(trial, Stage.LOAD) is not Validity.WRONG
    )


def _per_answer(trial: Trial, use: CompanionUse) -> float:
    load = trial.outcome.load
    right = load.completed - load.incorrect
    return use.cpu_seconds / right if right > 0 else 0.0


def _over(uses: Sequence[_Used], take: Callable[[Trial, CompanionUse], float]) -> float | None:
    """The median of what was measured: 0 was not."""
    return _median([value for trial, use in uses if (value := take(trial, use)) > 0])


def _median(values: Sequence[float]) -> float | None:
    return float(median(values)) if values else None
