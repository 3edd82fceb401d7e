"""Reports are what the published schema says, whatever was measured."""

import json
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import (
    Effect,
    HostCheck,
    InvalidTrial,
    PackageCheck,
    Ramp,
    RunResult,
    Working,
)
from headstart.collector.findings.json import to_json
from headstart.collector.findings.report_schema import report_schema
from headstart.v1.records_pb2 import Phase, Record, RuntimeCounter, RuntimeCounters
from headstart.words.json_schema_number import SCHEMA
from support.beside_runs import beside_result
from support.case_runs import case_result
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


@cache
def built_and_counted() -> RunResult:
    """With what is known of few runs: an invalid trial, a rising rate, an A/A run of the host."""
    fake = small(blocks=3)
    counter = RuntimeCounter(name="methods_jitted", phase=Phase.PHASE_LOAD, value=1358)
    counters = RuntimeCounters(variant="jit", source="x", counters=[counter])
    records = [*fake.records(), *builds(), Record(runtime_counters=counters)]
    result = analyse_run(fake.info(), records)
    check = HostCheck("r-1", "players.aa", True, 1.0, 5)
    ramp = Ramp("jit", 1, (20.0,), (19.5,), (None,), (0.1,), None, True)
    return replace(
        result,
        host=replace(result.host, check=check),
        load=replace(result.load, ramps=(ramp,)),
        invalid_trials=(InvalidTrial(1, 1, "jit", Effect.STARTUP, "late", "It came late."),),
        package_checks=(PackageCheck("Mapper", "aot", Working.BROKEN, ("GET /map",), 3),),
    )


REPORTS: dict[str, Callable[[], RunResult]] = {
    "a service": service,
    "batch programs": batch_result,
    "builds and counters": built_and_counted,
    "beside": beside_result,
    "tests": case_result,
}


@pytest.mark.parametrize("name", REPORTS)
def test_reports_hold_to_it(name: str) -> None:
    assert mistakes(written(REPORTS[name]())) == []


def test_every_object_of_it_is_in_one_of_them() -> None:
    schema = report_schema()
    seen: set[str] = set()
    for made in REPORTS.values():
        visit(schema, written(made()), schema["$defs"], seen)

    assert set(schema["$defs"]) - seen == set()


def visit(schema: Any, value: Any, kinds: dict[str, Any], seen: set[str]) -> None:
    """Note which kinds of object are in a document."""
    if value is None:
        return
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        seen.add(name)
        schema = kinds[name]
    for choice in schema.get("anyOf", ()):
        visit(choice, value, kinds, seen)
    if isinstance(value, dict):
        for key, inner in value.items():
            visit(schema.get("propertyNames", {}), key, kinds, seen)
            visit(schema.get("properties", {}).get(key, {}), inner, kinds, seen)
    elif isinstance(value, list):
        for inner in value:
            visit(schema.get("items", {}), inner, kinds, seen)


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
