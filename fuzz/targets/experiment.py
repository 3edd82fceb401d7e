"""Experiment files: whoever may submit writes them."""

from fuzz.target import Table
from headstart.collector.experiments.file import ExperimentProblems, load_experiment

TABLE = Table()


@TABLE.add("a submitter", ExperimentProblems)
def experiment_file(data: bytes) -> None:
    load_experiment(data.decode("utf-8", "replace"), "/home/me")
