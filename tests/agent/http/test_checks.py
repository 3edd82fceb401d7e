"""A check passes for a correct answer and says in words what is wrong with another."""

import subprocess
import sys

import pytest

from headstart.agent.http.checks import BODY_LIMIT_BYTES, evaluate
from headstart.v1.experiment_pb2 import Header, HttpCheck

PLAYER = b'{"number": 7, "name": "Ada", "tags": ["a", {"b": 1}], "ratio": 1.0}'


@pytest.mark.parametrize(
    ("expected", "status", "passed"),
    [(0, 200, True), (0, 299, True), (0, 304, False), (201, 201, True), (201, 200, False)],
)
def test_status_is_the_stated_one_or_any_success(expected: int, status: int, passed: bool) -> None:
    evaluation = evaluate(HttpCheck(status=expected), status, [], b"oops")

    assert evaluation.passed is passed


def test_a_failing_status_says_both_sides() -> None:
    evaluation = evaluate(HttpCheck(status=200), 500, [], b"Internal Server Error")

    assert evaluation.expected == "status 200"
    assert evaluation.actual == "status 500, body 'Internal Server Error'"


@pytest.mark.parametrize(
    "subset",
    [
        "{}",
        '{"number": 7}',
        '{"number": 7.0, "ratio": 1}',
        '{"tags": ["a", {}]}',
        '{"tags": ["a", {"b": 1}], "name": "Ada"}',
    ],
)
def test_a_json_subset_is_found(subset: str) -> None:
    assert evaluate(HttpCheck(json_subset=subset), 200, [], PLAYER).passed


@pytest.mark.parametrize(
    ("subset", "fault"),
    [
        ('{"age": 3}', "JSON without $.age"),
        ('{"number": 8}', "$.number is 7, not 8"),
        ('{"number": true}', "$.number is 7, not true"),
        ('{"ratio": true}', "$.ratio is 1.0, not true"),
        ('{"tags": ["a"]}', "$.tags has 2 elements, not 1"),
        ('{"tags": ["a", {"b": 2}]}', "$.tags[1].b is 1, not 2"),
        ('{"tags": {}}', '$.tags is ["a", {"b": 1}], not an object'),
        ('{"name": []}', '$.name is "Ada", not an array'),
        ('{"name": null}', '$.name is "Ada", not null'),
        ("[]", "not an array"),
    ],
)
def test_a_json_difference_is_named_by_its_path(subset: str, fault: str) -> None:
    evaluation = evaluate(HttpCheck(json_subset=subset), 200, [], PLAYER)

    assert not evaluation.passed
    assert fault in evaluation.actual
    assert evaluation.expected.startswith("status 200-299 and JSON containing ")


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"number": 7', b"\xff\xfe\xfd", b"[" * 200_000, b"9" * 5000],
    ids=["empty", "html", "cut", "binary", "deep", "huge-number"],
)
def test_a_body_that_is_not_json_is_said_to_be_so(body: bytes) -> None:
    evaluation = evaluate(HttpCheck(json_subset="{}"), 200, [], body)

    assert not evaluation.passed
    assert "not JSON" in evaluation.actual


def test_headers_are_compared_by_name_without_case_and_by_exact_value() -> None:
    check = HttpCheck(headers=[Header(name="Content-Type", value="application/json")])

    assert evaluate(check, 200, [("content-type", "application/json")], b"").passed
    wrong = evaluate(check, 200, [("content-type", "text/html")], b"")
    assert wrong.actual == "status 200, header Content-Type: text/html"
    assert evaluate(check, 200, [], b"").actual == "status 200, no header Content-Type"


def test_a_pattern_is_searched_in_the_body() -> None:
    check = HttpCheck(body_pattern=r"Version \d+")

    assert evaluate(check, 200, [], b"the Version 12 of it").passed
    evaluation = evaluate(check, 200, [], b"no number")
    assert not evaluation.passed
    assert evaluation.expected == r"status 200-299 and a body matching /Version \d+/"


def test_a_body_above_the_limit_is_not_judged_as_json() -> None:
    body = b'"' + b"x" * BODY_LIMIT_BYTES + b'"'

    assert "larger than" in evaluate(HttpCheck(json_subset="{}"), 200, [], body).actual


def test_long_bodies_are_cut_in_sentences() -> None:
    evaluation = evaluate(HttpCheck(status=200), 500, [], b"x" * 10_000)

    assert len(evaluation.actual) < 200
    assert evaluation.actual.endswith("…'")


def test_importing_the_module_does_not_load_protobuf() -> None:
    code = "import sys, headstart.agent.http.checks; sys.exit('google.protobuf' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
