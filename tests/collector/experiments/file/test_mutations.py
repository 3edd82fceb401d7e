"""Whatever a text is, it is an experiment or a list of mistakes, and nothing else happens."""

import random
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from headstart.collector.experiments.file import ExperimentProblems, load_experiment
from headstart.collector.experiments.file.document import read_document
from headstart.collector.experiments.json_schema import schema
from headstart.v1.experiment_pb2 import Experiment

FILES = Path(__file__).parents[1] / "experiment_files"
VALID = [path.read_text() for path in sorted(FILES.glob("*.yaml")) if "invalid" not in path.stem]

ODD_TEXTS = [
    "", " ", "\n", "\t", "'", '"', ":", ": ", "- ", "#", "&a ", "*a", "!!int ", "{", "}", "[", "]",
    "|", ">", "%", "@", "---\n", "...", "\0", "\x1b", "é", "\U0001f600", "\ud800", "\ufeff", "0",
    "-1", "1e999", "99999999999999999999", "null", "~", "true", "no", "30", "5%", "<<: ", "a: b\n",
]  # fmt: skip
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**19, 10**30, "", " ", "x", "-", "/", "GET /", "auto", "30s",
    "5%", "512MiB", "\0", "a\r\nb", "é", "(", "(a+)+", [], [[]], [None], [{}], {}, {"": {}},
    {"request": "GET /x"}, {"command": []}, {"max": "5s"}, "x" * 5000,
]  # fmt: skip


@cache
def editor() -> jsonschema.protocols.Validator:
    return jsonschema.Draft7Validator(schema())


def judge(text: str) -> Experiment | None:
    """Load a text and hold what comes of it against what was promised."""
    try:
        experiment = load_experiment(text, "/home/me/players")
    except ExperimentProblems as error:
        refused = error
    else:
        assert experiment.source_text == text or "[masked " in experiment.source_text
        assert Experiment.FromString(experiment.SerializeToString()) == experiment
        # What is accepted here is never underlined in an editor.
        faults = [fault.message for fault in editor().iter_errors(read_document(text).data)]
        assert faults == []
        return experiment
    assert refused.problems
    places = [(problem.line, problem.column) for problem in refused.problems]
    assert places == sorted(places)
    for problem in refused.problems:
        assert 0 <= problem.line <= text.count("\n") + 1
        assert problem.message.isprintable()
        assert len(problem.message) < 1000
        assert problem.path.isprintable()
    assert len(str(refused).split("\n")) == len(refused.problems)
    return None


def with_odd_text(draw: random.Random, text: str) -> str:
    """Pieces of it removed, doubled, moved or replaced, a few times over."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice([0, 1, 1, 2, 5, 20, 80]))
        piece = draw.choice(["", draw.choice(ODD_TEXTS), text[start:end] * 2, text[: end - start]])
        text = text[:start] + piece + text[end:]
    return text


def with_odd_value(draw: random.Random, data: Any) -> Any:
    """One value, somewhere, is another one; or a key has another name, or is gone."""
    if not isinstance(data, dict | list) or not data or draw.random() < 0.15:
        return draw.choice(ODD_VALUES)
    if isinstance(data, list):
        index = draw.randrange(len(data))
        return [*data[:index], with_odd_value(draw, data[index]), *data[index + 1 :]]
    key = draw.choice(list(data))
    changed = dict(data)
    match draw.randrange(8):
        case 0:
            del changed[key]
        case 1:
            changed[draw.choice([key[1:], key.upper(), "x y", "json", "command", "\n"])] = data[key]
        case _:
            changed[key] = with_odd_value(draw, data[key])
    return changed


@pytest.mark.parametrize("seed", range(8))
def test_a_text_that_was_tampered_with_is_judged(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(60):
        judge(with_odd_text(draw, draw.choice(VALID)))


@pytest.mark.parametrize("seed", range(8))
def test_odd_values_anywhere_are_judged(seed: int) -> None:
    draw = random.Random(seed)
    accepted = 0
    for _ in range(60):
        data = read_document(draw.choice(VALID)).data
        for _ in range(draw.choice([1, 1, 1, 2, 5])):
            data = with_odd_value(draw, data)
        accepted += judge(yaml.safe_dump(data, sort_keys=False, allow_unicode=True)) is not None

    # Most changes spoil a file, but not all: both ways of judging are taken.
    assert 0 < accepted < 60


@pytest.mark.parametrize("text", VALID)
def test_every_beginning_of_a_file_is_judged(text: str) -> None:
    for end in range(0, len(text), 17):
        judge(text[:end])


def test_the_files_that_are_called_valid_are() -> None:
    assert all(judge(text) for text in VALID)
    assert len(VALID) >= 4
