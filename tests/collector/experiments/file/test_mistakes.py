"""Every mistake is told with its place and what was expected: one file for each.

The lines that begin with `#!` say what the file is told, in that order.
"""

from pathlib import Path

import pytest

from headstart.collector.experiments.file import ExperimentProblems, load_experiment

FILES = sorted((Path(__file__).parents[1] / "experiment_files").glob("invalid-*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem.removeprefix("invalid-"))
def test_a_mistake_is_told_with_its_place(path: Path) -> None:
    text = path.read_text()
    expected = [line.removeprefix("#! ") for line in text.splitlines() if line.startswith("#! ")]
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(text, "/home/me/players", file_name="F")

    told = [
        line.removeprefix("F").removeprefix(":").strip() for line in str(refused.value).split("\n")
    ]
    assert told == expected


def test_the_files_are_there() -> None:
    assert len(FILES) > 100


def test_mistakes_come_in_the_order_of_the_file() -> None:
    text = next(path for path in FILES if path.stem == "invalid-many-at-once").read_text()
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(text, "/x")

    places = [(problem.line, problem.column) for problem in refused.value.problems]
    assert places == sorted(places)
    assert len(places) == 15


def test_a_file_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment("#" * (256 * 1024 + 1), "/x")

    assert str(refused.value) == (
        "experiment.yaml: the file has 262145 bytes; expected at most 262144 (256 KiB)"
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("experiment: a\0b", "experiment.yaml:1:14: the character U+0000 cannot stand in YAML"),
        ("a: 1\nb: \ud800", "experiment.yaml:2:4: the character U+D800 cannot stand in YAML"),
        ("[" * 200_000, "experiment.yaml:1:33: nested more than 32 levels deep"),
        ("a: [" + "1," * 100_000 + "]", "the file holds more than 10000 values"),
        ("%YAML 1." + "9" * 5000 + "\n---\na: 1", "a number here is out of range"),
    ],
    ids=["nul", "surrogate", "deep", "many", "version"],
)
def test_a_text_that_no_editor_writes_is_refused(text: str, told: str) -> None:
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(text, "/x")

    assert told in str(refused.value)
