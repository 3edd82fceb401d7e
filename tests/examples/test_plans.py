"""Every plan that is shipped can decide each of its gates, and each verdict that it asks for."""

import re
from pathlib import Path

import pytest

from headstart.collector.analysis.verdict.decidable import undecidable
from headstart.collector.experiments.file import load_experiment

ROOT = Path(__file__).parents[2]
SHIPPED = sorted(ROOT.glob("examples/*/*.yaml"))
DOCUMENTED = [
    (file, number, text)
    for file in ("README.md", "docs/EXPERIMENT.md")
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", (ROOT / file).read_text(), re.S))
    if "experiment:" in text
]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_each_gate_of_a_shipped_plan_can_be_decided(file: Path) -> None:
    experiment = load_experiment(file.read_text(), str(file.parent), file.name)

    assert [each.text for each in undecidable(experiment)] == []


@pytest.mark.parametrize(("file", "number", "text"), DOCUMENTED, ids=str)
def test_so_can_those_of_a_documented_one(file: str, number: int, text: str) -> None:
    experiment = load_experiment(text, "/", f"{file}, example {number + 1}")

    assert [each.text for each in undecidable(experiment)] == []
