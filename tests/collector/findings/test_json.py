import json

import pytest

from headstart.collector.findings.json import SCHEMA, UnreadableResult, from_json, to_json
from support.fake_runs import Fake, small

RESULT = small(blocks=4).result()


def test_a_result_survives_the_round_trip() -> None:
    result = Fake(blocks=4, load_every=2, load_seconds=15).result()

    assert from_json(to_json(result)) == result
    assert from_json(to_json(result, indent=2).encode()) == result


def test_the_schema_number_comes_first_and_the_recommendation_next() -> None:
    assert to_json(RESULT).startswith(f'{{"schema": {SCHEMA}, "recommendations": [{{"variant"')


def test_a_newer_schema_is_refused_with_its_number() -> None:
    text = to_json(RESULT).replace(f'"schema": {SCHEMA}', '"schema": 99', 1)

    with pytest.raises(UnreadableResult, match=r"newer Headstart \(schema 99;"):
        from_json(text)


def test_fields_with_a_default_may_be_missing() -> None:
    document = json.loads(to_json(RESULT))
    del document["warmups"]
    del document["figures"][0]["basis"]

    assert from_json(json.dumps(document)) == RESULT


def changed(**changes: object) -> str:
    return json.dumps({**json.loads(to_json(RESULT)), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("[]", "no schema number"),
        ("[" * 100_000, "nested too deep"),
        ('{"schema": 1}', "lacks run_id"),
        ('{"schema": 2}', "lacks run_id"),
        ('{"schema": 0}', "no schema 0"),
        (changed(colour="red"), "unknown keys: colour"),
        (changed(attempt="1"), "result.attempt must be of type int"),
        (changed(figures={}), "result.figures must be a list"),
        (changed(host_facts=[["cpu"]]), r"result.host_facts\[0\] must be an object"),
        (changed(comparisons=[{"verdict": "splendid"}]), r"comparisons\[0\] lacks"),
    ],
)
def test_what_is_not_a_result_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(UnreadableResult, match=message):
        from_json(text)
