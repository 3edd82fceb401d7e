"""YAML is read as version 1.2 reads it, and every value knows its place."""

import pytest

from headstart.collector.experiments.file.document import Path, read_document


def test_words_that_yaml_1_1_takes_for_something_else_stay_text() -> None:
    document = read_document(
        "on: no\nyes: off\ntime: 12:30\noctal: 010\nhex: 0x10\ndate: 2026-01-31\n"
        "million: 1_000_000\nempty: ''\nlarge: .inf\nTrue: True\n"
    )

    assert document.problems == []
    assert document.data == {
        "on": "no",
        "yes": "off",
        "time": "12:30",
        "octal": "010",
        "hex": "0x10",
        "date": "2026-01-31",
        "million": "1_000_000",
        "empty": "",
        "large": ".inf",
        "True": "True",
    }


def test_json_is_understood() -> None:
    document = read_document('{"a": [1, -2.5, 1e3, true, false, null, "x\\u00e9"], "b": {}}')

    assert document.data == {"a": [1, -2.5, 1000.0, True, False, None, "xé"], "b": {}}


def test_keys_are_text() -> None:
    document = read_document("1: a\n2.50: b\ntrue: c\n~: d\n")

    assert document.data == {"1": "a", "2.50": "b", "true": "c", "~": "d"}


def test_an_alias_stands_for_its_value() -> None:
    document = read_document("a: &env {X: 1}\nb: *env\n")

    assert document.data == {"a": {"X": 1}, "b": {"X": 1}}


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert read_document("\ufeffa: 1\n").data == {"a": 1}


@pytest.mark.parametrize(
    ("path", "at_key", "place"),
    [
        (("service",), True, (1, 1)),
        (("service", "port"), False, (2, 9)),
        (("service", "port"), True, (2, 3)),
        (("service", "checks", 1), False, (5, 7)),
        (("service", "checks", 1, "name"), False, (5, 14)),
        # What is not in the text is said of the key that should hold it.
        (("service", "ready"), False, (1, 1)),
        (("service", "checks", 1, "request"), False, (5, 7)),
        (("load",), False, (1, 1)),
    ],
)
def test_a_problem_knows_its_place(path: Path, at_key: bool, place: tuple[int, int]) -> None:
    document = read_document("service:\n  port: 9000\n  checks:\n    - GET /a\n    - {name: b}\n")
    problem = document.problem(path, "wrong", at_key)

    assert (problem.line, problem.column) == place


def test_a_path_is_written_as_people_write_it() -> None:
    document = read_document("a: 1")

    assert document.problem(("service", "checks", 1, "a\nb"), "").path == r"service.checks[1].a\nb"


def test_reading_goes_on_after_a_mistake() -> None:
    document = read_document("a: !!int x\na: 2\n? [k]\n: 1\nb: 1e999\nc: 3\n")

    assert [problem.line for problem in document.problems] == [1, 2, 3, 5]
    assert document.data == {"a": None, "b": None, "c": 3}
