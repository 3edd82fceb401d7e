"""The pairs that are containers built FROM scratch: Java, Mono and the Closure Compiler."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.words import metrics
from support.running import Ran, run

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.examples]

EXAMPLES = Path(__file__).parents[2] / "examples"


def measured(tmp_path: Path, file: str, *scripts: str, blocks: int = 3) -> Ran:
    """Build an example's images and run it without load, in few blocks."""
    folder = EXAMPLES / file
    for script in scripts:
        subprocess.run([sys.executable, folder.parent / script], check=True)
    content: dict[str, Any] = yaml.safe_load(folder.read_text())
    content.pop("load", None)
    content["plan"].pop("load_every", None)
    content["plan"] |= {"blocks": blocks, "idle": "100ms"}
    content.get("jobs", {}).pop("long", None)
    ran = run(tmp_path, content)

    assert ran.status == 0, ran.errors
    assert {v["outcome"] for v in ran.report()["variants"]} == {"measured"}
    assert [v["checks_failed"] for v in ran.report()["variants"]] == [0] * len(content["variants"])
    assert all(v["digest"].startswith("sha256:") for v in ran.report()["variants"])
    return ran


def verdict(ran: Ran, metric: str, variant: str) -> str:
    # CPU time and sizes: on a busy machine the wall clock may not decide, the work does.
    comparisons = ran.report()["comparisons"]
    found = next(c for c in comparisons if (c["metric"], c["variant"]) == (metric, variant))
    return str(found["verdict"])


def kinds(ran: Ran) -> dict[str, str]:
    return {v["variant"]: v["binary_kind"] for v in ran.report()["variants"]}


def test_javas_aot_cache_starts_with_less_work_in_a_larger_image(tmp_path: Path) -> None:
    ran = measured(tmp_path, "java/containers.yaml", "build_images.py", blocks=5)

    assert verdict(ran, metrics.STARTUP_CPU.name, "aot-cache") == "better"
    assert verdict(ran, metrics.IMAGE_UNPACKED.name, "aot-cache") == "worse"
    assert kinds(ran) == {"jit": "jvm", "aot-cache": "jvm"}


def test_monos_full_aot_starts_with_less_work_in_a_larger_image(tmp_path: Path) -> None:
    if missing := [name for name in ("mono-sgen", "mcs", "strip") if shutil.which(name) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    ran = measured(tmp_path, "mono/experiment.yaml", "build_images.py")

    assert verdict(ran, metrics.STARTUP_CPU.name, "full-aot") == "better"
    assert verdict(ran, metrics.IMAGE_UNPACKED.name, "full-aot") == "worse"
    assert kinds(ran)["full-aot"] == "mono_aot"


def test_the_closure_compiler_as_native_image_starts_with_less_work_and_writes_the_same(
    tmp_path: Path,
) -> None:
    if shutil.which("npm") is None:
        pytest.skip("not installed: npm")
    ran = measured(tmp_path, "closure/containers.yaml", "prepare.py", "build_images.py")

    assert verdict(ran, metrics.STARTUP_CPU.name, "native") == "better"
    assert verdict(ran, metrics.JOB_CPU.name, "native") == "better"
    assert verdict(ran, metrics.IMAGE_UNPACKED.name, "native") == "better"
    assert kinds(ran) == {"jar": "jvm", "native": "graalvm_native"}
