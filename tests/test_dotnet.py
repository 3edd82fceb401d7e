"""The case that the project exists for: real .NET 10 images, just in time and ahead of time."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.words import metrics
from support.running import Ran, run

pytestmark = [pytest.mark.alone, pytest.mark.dotnet, pytest.mark.docker]

EXAMPLES = Path(__file__).parent.parent / "examples" / "dotnet-players"


def shortened(name: str, variants: tuple[str, ...], blocks: int) -> dict[str, Any]:
    """An example's experiment without load and with fewer variants and blocks."""
    content: dict[str, Any] = yaml.safe_load((EXAMPLES / name).read_text())
    content.pop("load", None)
    content.pop("gates", None)
    content["plan"].pop("load_every", None)
    content["plan"] |= {"blocks": blocks, "idle": "500ms"}
    content["variants"] = {name: content["variants"][name] for name in variants}
    content["baseline"] = variants[0]
    return content


def verdict(ran: Ran, metric: str, variant: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        c for c in ran.report()["comparisons"] if (c["metric"], c["variant"]) == (metric, variant)
    )
    return found


def test_native_aot_starts_with_less_work_and_memory_and_answers_alike(tmp_path: Path) -> None:
    content = shortened("players.yaml", ("jit", "aot-scratch"), blocks=5)
    ran = run(tmp_path, content)

    assert {v["outcome"] for v in ran.report()["variants"]} == {"measured"}
    # CPU time, since other work on a shared machine moves wall-clock times.
    for metric in (metrics.STARTUP_CPU.name, metrics.RSS_STARTUP.name, metrics.RSS_IDLE.name):
        found = verdict(ran, metric, "aot-scratch")
        assert found["verdict"] == "better", metric
        assert found["interval"]["high"] < 0.6, metric


def test_the_same_binary_run_in_the_root_folder_starts_slower(tmp_path: Path) -> None:
    content = shortened("players-workdir.yaml", ("aot-scratch", "aot-scratch-root"), blocks=5)
    found = verdict(run(tmp_path, content), metrics.STARTUP_CPU.name, "aot-scratch-root")

    assert found["verdict"] == "worse"
    # By how much depends on what runs here: it watches every process of /proc.
    assert found["interval"]["low"] > 1.2
    assert found["ratio"] > 1.5


def test_an_app_that_aot_breaks_is_a_result_beside_those_that_work(tmp_path: Path) -> None:
    ran = run(tmp_path, shortened("squad.yaml", ("jit", "aot"), blocks=2))

    assert ran.variant("jit")["outcome"] == "measured"
    assert ran.variant("aot")["outcome"] == "does not start"
    assert "AutoMapper" in ran.variant("aot")["output_tail"]
