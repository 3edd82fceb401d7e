"""docs/EXPERIMENT.md says what the models say: every key, every default, and files that load."""

import re
from pathlib import Path
from typing import Any

import pytest

from headstart.collector.experiments.file import load_experiment
from headstart.collector.experiments.json_schema import schema
from headstart.collector.experiments.reference import BEGIN, END, reference
from headstart.collector.generated import with_part

TEXT = (Path(__file__).parents[3] / "docs" / "EXPERIMENT.md").read_text()

FORM_OF_SECTION = {
    "The file": "",
    "variants": "VariantForm",
    "build": "BuildForm",
    "Folders of the host": "VolumeForm",
    "Values that the host knows": "ValueForm",
    "service": "ServiceForm",
    "Checks": "CheckForm",
    "expect": "ExpectForm",
    "jobs": "JobsForm",
    "short and long": "JobForm",
    "beside": "CompanionForm",
    "ready": "ReadyForm",
    "seed": "SeedForm",
    "load": "LoadForm",
    "rate": "RateForm",
    "requests": "LoadRequestForm",
    "plan": "PlanForm",
    "maximum": "MaximumForm",
    "cpus": "CpusForm",
    "memory_floor": "MemoryFloorForm",
    "hosts": "HostsForm",
    "gates": "GateIn_seconds",
}


def section(title: str) -> str:
    found = re.search(
        rf"^##+ {re.escape(title)}\n(.*?)(?=^##+ |\Z)", TEXT, re.MULTILINE | re.DOTALL
    )
    assert found, f"no section is called {title}"
    return found[1]


def properties(form: str) -> dict[str, Any]:
    found = schema()
    stated: dict[str, Any] = (found["$defs"][form] if form else found)["properties"]
    return stated


@pytest.mark.parametrize("title", FORM_OF_SECTION)
def test_every_key_stands_in_the_table_with_its_default(title: str) -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.*?) \|", section(title), re.MULTILINE)
    stated = {key: default.strip("`") for key, default in rows if default.startswith("`")}
    keys = properties(FORM_OF_SECTION[title])
    defaults = {
        key: str(value["default"]).lower()
        if isinstance(value["default"], bool)
        else str(value["default"])
        for key, value in keys.items()
        if value.get("default", "") != ""
    }

    assert {key for key, _ in rows} == set(keys)
    assert stated == defaults


def test_every_form_has_a_section() -> None:
    forms = {
        name
        for name in schema()["$defs"]
        # Headers have the keys of variables.
        if not name.startswith(("GateIn_", "GatesForm", "MarginsForm", "HeaderForm"))
    }

    assert properties("HeaderForm").keys() == properties("ValueForm").keys()
    assert forms <= set(FORM_OF_SECTION.values())


def test_the_document_has_the_metrics() -> None:
    assert with_part(TEXT, BEGIN, END, reference()) == TEXT, (
        "run `python -m headstart.collector.experiments.reference docs/EXPERIMENT.md`"
    )


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_the_examples_load(block: str) -> None:
    whole = (Path(__file__).parent / "experiment_files" / "minimal.yaml").read_text()
    if block.startswith("checks:"):
        block = whole + re.sub("^", "  ", block, flags=re.MULTILINE)
    elif block.startswith("service:"):
        block = whole.partition("service:")[0] + block
    elif "experiment:" not in block and "variants:" in block:
        block = "experiment: x\nbaseline: jar\n" + block
    elif "experiment:" not in block:
        block = whole + block

    assert load_experiment(block, "/x").variants
