"""The published JSON Schema: current, and never stricter than the collector."""

import json
from pathlib import Path

import jsonschema
import pytest

from headstart.collector.experiments.file.document import read_document
from headstart.collector.experiments.json_schema import main, schema, schema_text

ROOT = Path(__file__).parents[3]
FILES = Path(__file__).parent / "experiment_files"
VALID = sorted(path for path in FILES.glob("*.yaml") if "invalid" not in path.stem)

# What spans several keys, or is a rule about what a text says, only the
# collector tells; and YAML's own mistakes are the editor's.
BEYOND_A_SCHEMA = (
    "yaml-",
    "key-twice",
    "baseline-unknown",
    "variant-entrypoint-of-command",
    "variant-base-of-command",
    "variant-needs-folder-twice",
    "variant-needs-in-a-folder-of-the-host",
    "variant-needs-of-a-command",
    "beside-against-the-rest",
    "variant-command-without-program",
    "variant-workdir-relative",
    "service-port-missing",
    "service-ready-is-a-command",
    "service-ready-steps-of-batch",
    "service-ready-log-of-a-worker",
    "service-ready-log-with-a-port",
    "check-log",
    "service-first-data-is-a-command",
    "jobs-none",
    "jobs-of-a-service",
    "service-compare-nothing",
    "service-address",
    "request-header-injected-name",
    "request-header-of-the-client",
    "request-header-name",
    "request-two-",
    "check-command-with-expect",
    "check-request-with-exit",
    "check-command-empty",
    "check-covers-of-ready",
    "check-container-keys",
    "check-container-of-",
    "check-two-with-one-name",
    "check-pattern",
    "load-duration-range",
    "load-windows",
    "load-rate-",
    "load-http-2-by-builtin",
    "load-duration-of-wrk",
    "plan-maximum-of-fixed-blocks",
    "plan-cpus",
    "gates-metric-without-limit",
    "gates-metric-limits-crossed",
)


def faults(path: Path) -> list[str]:
    data = read_document(path.read_text()).data
    return [fault.message for fault in jsonschema.Draft7Validator(schema()).iter_errors(data)]


def test_the_committed_schema_is_what_the_models_say() -> None:
    committed = (ROOT / "docs" / "experiment.schema.json").read_text()

    assert committed == schema_text(), "run `make schema` and commit the result"


def test_it_is_a_schema_of_the_draft_that_editors_read() -> None:
    jsonschema.Draft7Validator.check_schema(schema())
    # It holds as much for a reader of the current draft.
    jsonschema.Draft202012Validator.check_schema(schema())


def test_it_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    main([str(tmp_path / "schema.json")])

    assert json.loads((tmp_path / "schema.json").read_text()) == schema()


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_valid_files_are_not_underlined(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize(
    "path",
    [
        path
        for path in sorted(FILES.glob("invalid-*.yaml"))
        if not path.stem.removeprefix("invalid-").startswith(BEYOND_A_SCHEMA)
    ],
    ids=lambda path: path.stem.removeprefix("invalid-"),
)
def test_an_editor_finds_most_mistakes_too(path: Path) -> None:
    assert faults(path) != []


def test_every_key_is_explained() -> None:
    found = schema()
    silent = [
        f"{name}.{key}"
        for name, form in [("", found), *found["$defs"].items()]
        for key, value in form["properties"].items()
        if "description" not in value and "$ref" not in value
    ]

    assert silent == []
    assert [name for name, form in found["$defs"].items() if "description" not in form] == []
