"""The experiment file: read, checked and normalised, or every mistake with its line."""

from headstart.collector.experiments.file.read import (
    MAXIMUM_PROBLEM_BYTES,
    ExperimentProblems,
    load_experiment,
)

__all__ = [
    "MAXIMUM_PROBLEM_BYTES",
    "ExperimentProblems",
    "load_experiment",
    "models",
    "overrides",
    "units",
]
