"""The Closure pair: a batch program, native against its jar."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from headstart.words import metrics
from support.running import run

pytestmark = pytest.mark.alone

CLOSURE = Path(__file__).parents[2] / "examples" / "closure"


@pytest.mark.examples
def test_the_native_compiler_starts_faster_and_writes_the_same(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        pytest.skip("not installed: npm")
    subprocess.run([sys.executable, CLOSURE / "prepare.py"], check=True)
    content = yaml.safe_load((CLOSURE / "experiment.yaml").read_text())
    del content["jobs"]["long"]
    content["jobs"]["short"]["repeat"] = 1
    content["plan"] |= {"blocks": 3, "quiet": "0s"}
    for variant in content["variants"].values():
        variant["command"][0] = str(CLOSURE / variant["command"][0])
        variant["workdir"] = str(CLOSURE)
    ran = run(tmp_path, content)
    verdicts = {c["metric"]: c["verdict"] for c in ran.report()["comparisons"]}

    assert ran.status == 0, ran.errors
    assert {v["outcome"] for v in ran.report()["variants"]} == {"measured"}
    assert [v["checks_failed"] for v in ran.report()["variants"]] == [0, 0]
    assert verdicts[metrics.STARTUP_CPU.name] == verdicts[metrics.JOB_CPU.name] == "better"
