"""What the policy of a host refuses of an experiment as a whole, before anything is started."""

from collections.abc import Callable

from headstart.v1.experiment_pb2 import Experiment, Network
from headstart.v1.records_pb2 import Failure, FailureCode


def refusal(
    experiment: Experiment,
    commands_allowed: bool,
    network_refusal: Callable[[Network.ValueType], str | None],
) -> Failure | None:
    """Why no trial of it may run here; None: the policy lets it.

    Commands are processes of the host, so that only containers have a network of the plan's.
    """
    has_containers = not all(variant.HasField("command") for variant in experiment.variants)
    words = network_refusal(experiment.plan.network) if has_containers else None
    if words is not None:
        return Failure(code=FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, message=words)
    return _commands_refused(experiment, commands_allowed)


def _commands_refused(experiment: Experiment, commands_allowed: bool) -> Failure | None:
    """Why its checks may not run.

    A check that is not run is not a check that failed: without this each variant
    would be called wrong for what its host forbids. Commands of a batch program are
    its own arguments.
    """
    commands = [check.name for check in experiment.service.checks if check.HasField("command")]
    if commands_allowed or not commands or not experiment.service.port:
        return None
    names = ", ".join(f"'{name}'" for name in commands)
    what = "a command" if len(commands) == 1 else "commands"
    return Failure(
        code=FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
        message=f"the policy of this host allows no commands (commands = false), and the"
        f" experiment has {what} among its checks: {names}",
    )
