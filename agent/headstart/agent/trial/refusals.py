"""Why an experiment as a whole cannot run on a host, told before anything is started."""

from collections.abc import Callable, Iterator

from headstart.v1.experiment_pb2 import Check, Experiment, Network
from headstart.v1.records_pb2 import Failure, FailureCode
from headstart.words.patterns import MalformedPattern, compile_pattern


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
    return _commands_refused(experiment, commands_allowed) or _unknown_pattern(experiment)


def _unknown_pattern(experiment: Experiment) -> Failure | None:
    """A pattern that is none here: its experiment was checked before patterns were RE2's."""
    for name, pattern in _patterns(experiment):
        try:
            compile_pattern(pattern)
        except MalformedPattern as error:
            return Failure(
                code=FailureCode.FAILURE_CODE_AGENT,
                message=f"the pattern /{pattern}/ of '{name}' is not one of RE2: {error};"
                " correct it and submit the file again",
            )
    return None


def _patterns(experiment: Experiment) -> Iterator[tuple[str, str]]:
    """Every pattern, with the name of the check or job that it belongs to."""
    service = experiment.service
    checks = [service.ready, *service.checks, service.first_data]
    checks += [Check(name="load", http=each.check) for each in experiment.load.requests]
    checks += [Check(name=job.name, command=job.command) for job in experiment.jobs]
    for check in checks:
        for pattern in (check.http.body_pattern, check.command.output_pattern):
            if pattern:
                yield check.name, pattern


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
