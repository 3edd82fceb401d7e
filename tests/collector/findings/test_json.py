import json

import pytest

from headstart.collector.findings.json import UnreadableResult, from_json, to_json
from headstart.words import metrics
from headstart.words.json_schema_number import SCHEMA
from support.fake_runs import Fake, small

RESULT = small(blocks=4).result()
STARTUP = f'"{metrics.STARTUP.name}"'


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
    del document["load"]["warmups"]
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
        ('{"schema": 1}', "result.run_id is missing"),
        ('{"schema": 2}', "result.run_id is missing"),
        ('{"schema": 0}', "no schema 0"),
        ('{"schema": 2, "a": ' + "[" * 100_000, "recursion limit"),
        ('{"schema": 2, "host": "\\ud800"}', "hex escape"),
        (to_json(RESULT).replace('"seed": ', '"seed": 1e999, "x": '), "result.seed: Input"),
        (to_json(RESULT).replace('"center": ', '"center": 1e999, "x": '), "finite number"),
        (to_json(RESULT).replace(f'"metric": {STARTUP}', '"metric": "s"'), "metric 's'"),
        (changed(colour="red"), "result.colour is not known here"),
        (changed(attempt="1"), "result.attempt: Input should be a valid integer"),
        (changed(figures={}), "result.figures: Input should be a valid"),
        (changed(host={"facts": [["cpu"]]}), r"result.host.name is missing"),
        (changed(comparisons=[{"verdict": "splendid"}]), r"comparisons\[0\].metric is missing"),
    ],
)
def test_what_is_not_a_result_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(UnreadableResult, match=message):
        from_json(text)
