"""Words that are compared against what travels: each value of the wire has its own."""

from headstart.v1.experiments_pb2 import RunState
from headstart.words.enums import words
from headstart.words.states import RunWord


def test_each_state_of_a_run_has_its_word() -> None:
    assert set(words(RunState).values()) == {each.value for each in RunWord}
