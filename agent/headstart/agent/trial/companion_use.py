"""What stands beside an app in a trial: found for a run, looked at and recorded in each trial."""

from collections.abc import Iterable, Mapping

from headstart.agent.instances import CompanionSpec
from headstart.agent.runtimes.runtime import Instance
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.records_pb2 import Failure, ResolvedVariant, TrialOutcome


def companions_of(
    experiment: Experiment, found: Iterable[ResolvedVariant]
) -> tuple[CompanionSpec, ...]:
    """Each companion with the container that was found of it."""
    by_name: Mapping[str, ResolvedVariant] = {each.variant: each for each in found}
    return tuple(
        CompanionSpec(companion, by_name[companion.container.name])
        for companion in experiment.beside
    )


def failed_beside(instance: Instance) -> Failure | None:
    """Why what an app did may be no doing of its own; None: all that stands beside it lives."""
    return instance.beside.failure() if instance.beside is not None else None


def record_beside(outcome: TrialOutcome, instance: Instance) -> None:
    """What each took, up to now, in place of what was recorded before."""
    if instance.beside is not None:
        del outcome.beside[:]
        outcome.beside.extend(instance.beside.uses())
