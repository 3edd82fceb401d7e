"""Reports are what the published schema says, whatever was measured."""

import json
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import RunResult
from headstart.collector.findings.json import to_json
from headstart.collector.findings.report_schema import report_schema
from headstart.v1.records_pb2 import Phase, Record, RuntimeCounter, RuntimeCounters
from headstart.words.json_schema_number import SCHEMA
from support.fake_batches import batch_result
from support.fake_builds import builds
from support.fake_runs import Fake, small

ROOT = Path(__file__).parents[3]


def closed(schema: Any) -> Any:
    """The same schema, by which an object has nothing that is not listed."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return {**inner, "additionalProperties": False} if schema.get("properties") else inner


@cache
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(closed(report_schema()))


def mistakes(document: dict[str, Any]) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator().iter_errors(document)]


def written(result: RunResult) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(to_json(result))
    return document


@cache
def service() -> RunResult:
    return Fake(blocks=4, load_every=2, load_seconds=15).result()


def test_the_committed_schema_is_what_the_types_say() -> None:
    committed = json.loads((ROOT / "docs" / "report.schema.json").read_text())

    assert committed == report_schema(), "run `make schema` and commit the result"
    jsonschema.Draft202012Validator.check_schema(committed)


def test_a_report_of_a_service_holds_to_it() -> None:
    assert mistakes(written(service())) == []


def test_a_report_of_batch_programs_holds_to_it() -> None:
    assert mistakes(written(batch_result())) == []


def test_a_report_with_builds_and_counters_holds_to_it() -> None:
    fake = small(blocks=3)
    counter = RuntimeCounter(name="methods_jitted", phase=Phase.PHASE_LOAD, value=1358)
    more = [
        *builds(),
        Record(runtime_counters=RuntimeCounters(variant="jit", source="x", counters=[counter])),
    ]
    result = analyse_run(fake.info(), [*fake.records(), *more])

    assert result.builds
    assert result.diagnostics
    assert result.runtime_counters[0].readings
    assert mistakes(written(result)) == []


def test_a_field_that_is_not_listed_is_found() -> None:
    report = written(service())
    report["colour"] = "red"
    report["figures"][0]["mood"] = "good"

    assert len(mistakes(report)) == 2


def test_a_report_of_another_schema_is_found() -> None:
    report = written(service()) | {"schema": SCHEMA - 1}

    assert [m.partition(":")[0] for m in mistakes(report)] == ["$.schema"]


def test_what_is_published_lets_fields_be_added() -> None:
    report = written(service()) | {"colour": "red"}

    jsonschema.Draft202012Validator(report_schema()).validate(report)


def test_every_object_is_described() -> None:
    schema = report_schema()
    objects = {"the report": schema, **schema["$defs"]}

    # Without a docstring it would be the signature.
    assert [name for name, each in objects.items() if each["description"].startswith(name)] == []


def test_comments_are_its_descriptions() -> None:
    schema = report_schema()
    ratio = schema["$defs"]["Comparison"]["properties"]["ratio"]["description"]

    assert ratio == "variant / baseline; null when unavailable."
    assert "undetermined: Neither starts first" in schema["$defs"]["JobOvertaking"]["description"]
    assert set(schema["properties"]) == {"schema", *(field.name for field in fields(RunResult))}
