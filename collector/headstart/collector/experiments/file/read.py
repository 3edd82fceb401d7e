"""The experiment file: read, checked and normalised, or every mistake with its line.

    experiment = load_experiment(text, "/home/me/players")

It goes from YAML with places (`document`) through models (`models`) and rules
that span keys (`constraints`) to the message (`convert`).
"""

import posixpath
from collections.abc import Iterable

from pydantic import ValidationError

from headstart.collector.experiments.file.constraints import broken_rules
from headstart.collector.experiments.file.convert import to_experiment
from headstart.collector.experiments.file.document import Path, read_document
from headstart.collector.experiments.file.mistakes import problems_of
from headstart.collector.experiments.file.models import ExperimentForm
from headstart.collector.experiments.file.source_masking import (
    masked_places,
    masked_source,
    masks_for,
)
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import Problem

# Problems travel in the trailers of a refused call, as text and as messages, and
# gRPC takes trailers of 8 KiB. This is enough for some thirty mistakes.
MAXIMUM_PROBLEM_BYTES = 3000


class ExperimentProblems(Exception):
    """What is wrong with an experiment file, in the order of the file.

    The author corrects the file and submits it again. `str()` gives one
    `file:line:column: path: message` a line, as editors and CI understand it.
    """

    def __init__(self, problems: list[Problem], file_name: str) -> None:
        super().__init__(problems, file_name)
        self.problems = problems
        self.file_name = file_name

    def __str__(self) -> str:
        return "\n".join(format_problem(problem, self.file_name) for problem in self.problems)


def format_problem(problem: Problem, file_name: str) -> str:
    """`file:line:column: path: message`, without the parts that a problem does not have."""
    place = f"{file_name}:{problem.line}:{problem.column}" if problem.line else file_name
    return ": ".join(part for part in (place, problem.path, problem.message) if part)


def load_experiment(
    source_text: str,
    base_directory: str,
    file_name: str = "experiment.yaml",
    revision: str = "",
) -> Experiment:
    """The experiment that a YAML file states, with all defaults, or ExperimentProblems.

    Nothing else is raised, whatever the text is, and nothing but the arguments
    is read: `base_directory`, which relative paths mean, belongs to another
    machine perhaps. A text of 256 KiB takes about a second, so that a server
    calls this outside its event loop. `source_text` of what is returned has its
    secrets masked; the other fields are what runs.
    """
    problems = _argument_problems(base_directory, revision)
    document = read_document(source_text)
    problems += document.problems
    form = None
    if document.data is not None:
        problems += _news(
            problems, (document.problem(*rule) for rule in broken_rules(document.data))
        )
        places = (document.problem(*each) for each in masked_places(document.data))
        problems += _news(problems, places)
        try:
            form = ExperimentForm.model_validate(document.data)
        except ValidationError as error:
            problems += _news(problems, problems_of(error, document, ExperimentForm))
    if problems or form is None or document.data is None:
        problems.sort(key=lambda problem: (problem.line, problem.column))
        masks = masks_for(document.data or {})
        for problem in problems:
            problem.message = masks.known(problem.message)
        raise ExperimentProblems(_first(problems), file_name)
    kept = masked_source(source_text, document.data)
    return to_experiment(form, posixpath.normpath(base_directory), kept, revision)


def placed(source_text: str, found: Iterable[tuple[Path, str]]) -> list[Problem]:
    """What is said of paths of a file that can be read, with their lines, in its order.

    A path that the file does not have is said of its nearest parent.
    """
    document = read_document(source_text)
    problems = [document.problem(path, message) for path, message in found]
    return sorted(problems, key=lambda problem: (problem.line, problem.column))


def _news(told: list[Problem], found: Iterable[Problem]) -> list[Problem]:
    """Problems of keys that nothing was said of yet: the layer before knew better."""
    known = {(problem.path, problem.line) for problem in told}
    return [problem for problem in found if (problem.path, problem.line) not in known]


def _first(problems: list[Problem]) -> list[Problem]:
    """As many problems as may travel; the last one counts those that may not."""
    size = 0
    for index, problem in enumerate(problems):
        size += problem.ByteSize()
        if size > MAXIMUM_PROBLEM_BYTES:
            count = Problem(line=problem.line, column=problem.column)
            count.message = f"and {len(problems) - index} more mistakes from here on"
            return [*problems[:index], count]
    return problems


def _argument_problems(base_directory: str, revision: str) -> list[Problem]:
    """What is wrong with what came beside the file."""
    problems = []
    if not base_directory.startswith("/") or not _is_line(base_directory, 4096):
        message = "expected the absolute path of the folder that relative paths mean"
        problems.append(Problem(path="base_directory", message=message))
    if revision and not _is_line(revision, 128):
        message = "expected one line of at most 128 characters"
        problems.append(Problem(path="revision", message=message))
    return problems


def _is_line(text: str, maximum: int) -> bool:
    return len(text) <= maximum and text.isprintable()
