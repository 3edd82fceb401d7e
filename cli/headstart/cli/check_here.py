"""What keeps an experiment from being measured here: `check` asks, and every run before it."""

import logging
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.host_secrets import read_secrets
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.runtimes.table import open_runtimes
from headstart.agent.trial.needs import Host, obstacles
from headstart.cli.errors import InputError
from headstart.cli.logs import asks_for_json
from headstart.cli.plan_words import plan_problems, time_words
from headstart.cli.terminal import say
from headstart.collector.experiments.aa import NoSuchVariant, as_aa
from headstart.collector.experiments.file import (
    format_problem,
    load_experiment,
    placed,
)
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import Problem, SubmitRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checked:
    """What was found about an experiment on this machine, in the order of its file.

    `problems` keep something from being measured; with `warnings` it is measured, but not
    as the file says.
    """

    file_name: str
    problems: list[Problem]
    warnings: list[Problem]
    # How long a run takes; empty where the file cannot be read.
    time: str = ""

    def lines(self) -> list[str]:
        """One for each problem, as editors and CI understand it."""
        return [format_problem(problem, self.file_name) for problem in self.problems]

    def warning_lines(self) -> list[str]:
        """One for each warning."""
        return [format_problem(problem, self.file_name) for problem in self.warnings]


def read_file(request: SubmitRequest) -> Experiment:
    """The experiment that a request asks for. ExperimentProblems, InputError."""
    experiment = load_experiment(
        request.source_text, request.base_directory, request.file_name, request.revision
    )
    if request.aa:
        try:
            experiment = as_aa(experiment, request.aa_variant)
        except NoSuchVariant as error:
            raise InputError(str(error)) from error
    return experiment


def check_here(request: SubmitRequest, experiment: Experiment, data: Path) -> Checked:
    """What is in the way of an experiment on this machine, where its author may run all of it.

    `data`: the folder of the run's store and spool.
    """
    policy = Policy.for_experiment(experiment, data.absolute())
    with tempfile.TemporaryDirectory(prefix="headstart-") as state:
        runtimes = open_runtimes(Path(state), policy, Cancellation())
        try:
            secrets = read_secrets(experiment, policy, os.environ)
            host = Host(experiment, runtimes, policy.commands, policy.network_refusal, secrets)
            found = obstacles(host)
        finally:
            runtimes.close()
    if experiment.aa:
        # The second name of the variant is none of the file's.
        found = [each for each in found if each.variant in ("", experiment.baseline)]
    undecidable, doubtful = plan_problems(experiment)
    return Checked(
        file_name=request.file_name,
        problems=_in_order(
            [*_placed(request, (each for each in found if each.blocks)), *undecidable]
        ),
        warnings=_in_order(
            [*_placed(request, (each for each in found if not each.blocks)), *doubtful]
        ),
        time=time_words(experiment),
    )


def _in_order(problems: list[Problem]) -> list[Problem]:
    """In the order of the file."""
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def require(checked: Checked, keep_going: bool) -> None:
    """InputError with all problems; with `keep_going` they are warnings."""
    if checked.problems and not keep_going:
        advice = "nothing was measured; --keep-going measures what can be"
        raise InputError(*checked.lines(), advice)
    warnings = (*checked.lines(), *checked.warning_lines())
    if asks_for_json():
        for line in warnings:
            log.warning("%s", line)
        log.info("this takes %s", checked.time)
        return
    for line in warnings:
        say(f"warning: {line}", err=True)
    say(f"this takes {checked.time}", err=True)


def _placed(request: SubmitRequest, found: Iterable[Obstacle]) -> list[Problem]:
    return placed(request.source_text, ((each.path, each.message) for each in found))
