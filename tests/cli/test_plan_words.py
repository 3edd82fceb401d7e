"""What is said of a plan before it runs: what it cannot decide, with lines, and its time."""

import pytest

from headstart.cli.plan_words import plan_problems, span, time_words
from headstart.collector.experiments.file import format_problem, load_experiment
from headstart.v1.experiment_pb2 import Experiment

FILE = """\
experiment: players
baseline: jit
variants:
  jit: {image: "players:jit", compilation: jit}
  aot: {image: "players:aot", compilation: aot}
service: {port: 9000, ready: GET /health}
load: {request: GET /players, duration: DURATION}
plan:
  blocks: BLOCKS
  load_every: 3
GATES
"""


def read(duration: str = "60s", blocks: str = "6", gates: str = "") -> Experiment:
    text = FILE.replace("DURATION", duration).replace("BLOCKS", blocks).replace("GATES", gates)
    return load_experiment(text, "/", "players.yaml")


def test_a_stated_gate_is_a_mistake_with_its_line() -> None:
    mistakes, warnings = plan_problems(read(gates="gates:\n  rss_load_bytes: {max: 50MB}"))

    (mistake,) = mistakes
    assert format_problem(mistake, "players.yaml") == (
        "players.yaml:12:25: gates.rss_load_bytes.max: this plan cannot decide the gate “Memory "
        "under load at most 50.0 MB”: 6 blocks with `load_every: 3` give 2 trials under load, and "
        "an interval takes 5; `plan.blocks: 13`"
    )
    assert [each.path for each in warnings] == ["plan.load_every"]


def test_what_nobody_stated_is_a_warning_at_what_would_change_it() -> None:
    mistakes, warnings = plan_problems(read())

    assert mistakes == []
    assert {each.path for each in warnings} == {"plan.load_every"}
    assert len(warnings) == 2


def test_a_plan_that_can_decide_everything_has_neither() -> None:
    assert plan_problems(read(blocks="9")) == ([], [])


def test_the_time_is_told_with_what_it_supposes() -> None:
    assert time_words(read(blocks="7")) == "about 8 min, if each start takes 1 s"
    assert time_words(read(blocks="auto")) == (
        "about 14 min (11 to 28 min with blocks: auto), if each start takes 1 s"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (40, "40 s"), (95, "2 min"), (3300, "55 min"), (7800, "2 h 10 min")],
)
def test_a_time_is_told_as_one_says_it(seconds: float, words: str) -> None:
    assert span(seconds) == words
