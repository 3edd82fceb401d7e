"""The bundled examples: their files are right, and the pairs from pip packages serve."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from headstart.collector.experiments.file import load_experiment
from headstart.words import metrics
from support.running import run

pytestmark = pytest.mark.alone

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
FILES = sorted(EXAMPLES.glob("*/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_an_experiment_file_of_the_examples_is_right(file: Path) -> None:
    experiment = load_experiment(file.read_text(), str(file.parent), file.name)

    assert len(experiment.variants) >= 2


@pytest.mark.examples
@pytest.mark.parametrize("pair", ["java", "wasmtime"])
def test_ahead_of_time_starts_faster(pair: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, EXAMPLES / pair / "prepare.py"], check=True)
    content = yaml.safe_load((EXAMPLES / pair / "experiment.yaml").read_text())
    del content["load"], content["plan"]["load_every"]
    content["plan"] |= {"blocks": 7, "idle": "100ms"}
    for variant in content["variants"].values():
        command = variant["command"]
        command[0] = str(EXAMPLES / pair / command[0])
        variant["workdir"] = str(EXAMPLES / pair)
    ran = run(tmp_path, content)
    metric = next(c for c in ran.report()["comparisons"] if c["metric"] == metrics.STARTUP_CPU.name)
    outcomes = {v["outcome"] for v in ran.report()["variants"]}

    assert ran.status == 0, ran.errors
    assert outcomes == {"measured"}
    # CPU time: on a busy machine the wall clock may not decide, the work does.
    assert metric["verdict"] == "better"
    assert metric["interval"]["high"] < 1
