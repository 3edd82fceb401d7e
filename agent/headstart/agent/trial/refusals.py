"""Why an experiment as a whole cannot run on a host, told before anything is started."""

from collections.abc import Callable, Iterator

from headstart.agent.runtimes.obstacles import FilePath, Obstacle
from headstart.v1.experiment_pb2 import Check, Experiment, Network
from headstart.v1.records_pb2 import FailureCode
from headstart.words.foreign.patterns import MalformedPattern, compile_pattern
from headstart.words.readiness import Kind, kind_of, placed_checks


def refusals(
    experiment: Experiment,
    commands_allowed: bool,
    network_refusal: Callable[[Network.ValueType], str | None],
) -> Iterator[Obstacle]:
    """Why no trial of it may run here, all of it; nothing: the policy lets it.

    Commands are processes of the host, so that only containers have a network of the plan's.
    """
    has_containers = not all(variant.HasField("command") for variant in experiment.variants)
    words = network_refusal(experiment.plan.network) if has_containers else None
    if words is not None:
        yield _refused(("plan", "network"), words)
    yield from _commands_refused(experiment, commands_allowed)
    yield from _commands_beside(experiment)
    yield from _unknown_patterns(experiment)


def _refused(path: FilePath, message: str) -> Obstacle:
    return Obstacle(path, message, FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, forbids=True)


def _commands_beside(experiment: Experiment) -> Iterator[Obstacle]:
    """A command has the host's network, where no companion stands."""
    for variant in experiment.variants:
        if experiment.beside and variant.HasField("command"):
            message = (
                f"{variant.name} is a command, a process of the host: companions stand beside"
                " containers only; make an image of it, or start what it needs on the host"
            )
            path = ("variants", variant.name, "command")
            yield Obstacle(path, message, FailureCode.FAILURE_CODE_AGENT, forbids=True)


def _unknown_patterns(experiment: Experiment) -> Iterator[Obstacle]:
    """Patterns that are none here: the experiment was checked before patterns were RE2's."""
    for path, name, pattern in _patterns(experiment):
        try:
            compile_pattern(pattern)
        except MalformedPattern as error:
            message = (
                f"the pattern /{pattern}/ of '{name}' is not one of RE2: {error};"
                " correct it and submit the file again"
            )
            yield Obstacle(path, message, FailureCode.FAILURE_CODE_AGENT, forbids=True)


def _patterns(experiment: Experiment) -> Iterator[tuple[FilePath, str, str]]:
    """Every pattern, with its place and the name of the check or job that it belongs to."""
    service = experiment.service
    checks: list[tuple[FilePath, Check]] = list(placed_checks(service))
    loads = experiment.load.requests
    checks += [(("load",), Check(name="load", http=each.check)) for each in loads]
    checks += [
        (("jobs", job.name), Check(name=job.name, command=job.command)) for job in experiment.jobs
    ]
    for companion in experiment.beside:
        if companion.ready.log_pattern:
            yield ("beside", companion.name, "ready"), companion.name, companion.ready.log_pattern
    for path, check in checks:
        patterns = (
            check.http.body_pattern,
            check.command.output_pattern,
            check.container.output_pattern,
            check.log.pattern,
        )
        for pattern in patterns:
            if pattern:
                yield path, check.name, pattern


def _commands_refused(experiment: Experiment, commands_allowed: bool) -> Iterator[Obstacle]:
    """Why its checks may not run.

    A check that is not run is not a check that failed: without this each variant
    would be called wrong for what its host forbids. Commands of a batch program are
    its own arguments.
    """
    checks = enumerate(experiment.service.checks)
    commands = [(number, check.name) for number, check in checks if check.HasField("command")]
    if commands_allowed or not commands or kind_of(experiment) is Kind.BATCH:
        return
    names = ", ".join(f"'{name}'" for _, name in commands)
    what = "a command" if len(commands) == 1 else "commands"
    yield _refused(
        ("service", "checks", commands[0][0]),
        "the policy of this host allows no commands (commands = false), and the"
        f" experiment has {what} among its checks: {names}",
    )
