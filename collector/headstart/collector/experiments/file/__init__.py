"""The experiment file: read, checked and normalised, or every mistake with its line."""

from headstart.collector.experiments.file.read import (
    MAXIMUM_PROBLEM_BYTES,
    ExperimentProblems,
    format_problem,
    load_experiment,
    placed,
)

__all__ = [
    "MAXIMUM_PROBLEM_BYTES",
    "ExperimentProblems",
    "format_problem",
    "load_experiment",
    "models",
    "overrides",
    "placed",
    "units",
]
