"""The runtime counters of a run's variants, each in a trial of its own after the blocks.

Asking a runtime changes what it does: it compiles what answers. So none of the timed
trials is ever asked, and of these trials nothing but the counters is kept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from headstart.agent.counters.source import CannotRead
from headstart.agent.counters.table import read_counters
from headstart.agent.runtimes.runtime import Instance, Runtime
from headstart.agent.trial.trial import Slot, TrialContext, run_trial
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.records_pb2 import Phase, ResolvedVariant, RuntimeCounter, RuntimeCounters
from headstart.words.readiness import Kind, kind_of

_PHASES = (Phase.PHASE_STARTUP, Phase.PHASE_IDLE, Phase.PHASE_LOAD)


def measure_counters(
    context: TrialContext,
    variants: Iterable[tuple[ResolvedVariant, Runtime]],
    first_trial: int,
    doing: Callable[[str], None],
) -> Iterator[RuntimeCounters]:
    """A record for each variant, until the run is cancelled.

    `first_trial`: a number that no trial of the run has.
    """
    for number, (variant, runtime) in enumerate(variants, first_trial):
        if context.cancelled.is_set():
            return
        yield _measured(context, variant, runtime, number, doing)


def _measured(
    context: TrialContext,
    variant: ResolvedVariant,
    runtime: Runtime,
    number: int,
    doing: Callable[[str], None],
) -> RuntimeCounters:
    record = RuntimeCounters(trial=number, variant=variant.variant)
    if kind_of(context.experiment) is Kind.BATCH:
        record.reason = "a batch program has ended before it could be asked"
        return record

    def phase_ended(phase: Phase.ValueType, instance: Instance) -> None:
        if phase in _PHASES:
            _read(record, phase, instance, context.cancelled.is_set)

    outcome = run_trial(
        Slot(
            number, block=0, position=0, variant=variant, load=context.experiment.HasField("load")
        ),
        runtime,
        replace(
            context,
            experiment=_experiment(context.experiment),
            emit=lambda _record: None,
            doing=lambda words: doing(f"runtime counters of {variant.variant}: {words}"),
            phase_ended=phase_ended,
        ),
    ).outcome
    if outcome.HasField("failure") and not record.reason:
        record.reason = outcome.failure.message
    return record


def _experiment(original: Experiment) -> Experiment:
    """The same without what only a timed trial needs."""
    experiment = Experiment()
    experiment.CopyFrom(original)
    experiment.plan.quiet_seconds = experiment.plan.settle_seconds = 0.0
    del experiment.service.checks[:]
    return experiment


def _read(
    record: RuntimeCounters,
    phase: Phase.ValueType,
    instance: Instance,
    cancelled: Callable[[], bool],
) -> None:
    try:
        reading = read_counters(instance.pids(), cancelled=cancelled)
    except CannotRead as error:
        record.reason = str(error)
        return
    record.source = reading.runtime
    record.counters.extend(
        RuntimeCounter(name=name, phase=phase, value=value)
        for name, value in sorted(reading.values.items())
    )
