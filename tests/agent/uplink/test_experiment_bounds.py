"""Each list of an experiment that a collector sends has a bound: a new one without fails here."""

import pytest

from headstart.agent.uplink.experiment_bounds import experiment_fault
from headstart.v1.experiment_pb2 import Experiment, Variant
from support.overfull import filled, named, paths

LISTS = {named(path): path for path in paths(Experiment.DESCRIPTOR) if path[-1].is_repeated}


@pytest.mark.parametrize("name", LISTS)
def test_an_experiment_with_too_much_in_one_list_is_not_run(name: str) -> None:
    experiment = Experiment(variants=[Variant(name="a")])
    filled(experiment, LISTS[name])

    assert f"experiment.{name} has 2000" in experiment_fault(experiment)


def test_one_that_states_the_least_is() -> None:
    assert experiment_fault(Experiment(variants=[Variant(name="a")])) == ""
