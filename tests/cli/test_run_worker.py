"""`headstart run` of workers: ready at a line of their log, at rest, asked by nobody."""

import sys
from pathlib import Path
from typing import Any

import pytest

from headstart.words import metrics
from support.running import experiment, headstart, left_behind, run

pytestmark = pytest.mark.alone

WORKER = """
import sys, time
print("connected", flush=True)
if "dies" in sys.argv:
    sys.exit(4)
print("worker ready", flush=True)
time.sleep(600)
"""


def worker(*arguments: str) -> dict[str, Any]:
    return {"command": [sys.executable, "-c", WORKER, *arguments]}


def stated(variants: dict[str, Any], **parts: Any) -> dict[str, Any]:
    content = experiment(0, variants, **parts)
    del content["service"]["port"]
    content["service"]["ready"] = [{"log": "^connected$"}, {"log": "worker ready"}]
    return content


def test_a_worker_is_measured_from_its_start_to_its_rest(tmp_path: Path) -> None:
    check = {"command": ["sh", "-c", "env | grep -q HEADSTART_URL"], "exit": 1, "name": "no url"}
    content = stated({"one": worker(), "two": worker()}, plan={"blocks": 2})
    content["service"]["checks"] = [check]
    ran = run(tmp_path, content)
    report = ran.report()

    for name in ("one", "two"):
        assert ran.variant(name)["outcome"] == "measured", ran.errors
        assert ran.variant(name)["checks_failed"] == 0
    figures = {figure["metric"] for figure in report["figures"] if figure["values"]}
    assert {metrics.RSS_IDLE.name, metrics.STARTUP_CPU.name} <= figures
    assert not {each for each in figures if "throughput" in each or "latency" in each}
    for start in report["starts"]:
        stamps = start["stamps"]
        assert start["log_lines"] == 2
        assert 0 < stamps["ready_step_1"] <= stamps["first_correct_response"]
        assert "connected" not in stamps
    told = headstart("trials", "--data", tmp_path / "data", "--trial", "1").output
    assert "ready step 1" in told
    assert "line of the log" in told
    assert "lines of its log up to it: 2, 23 bytes" in told
    assert left_behind(tmp_path) == []


def test_a_worker_that_ends_before_its_line_is_rejected_for_it(tmp_path: Path) -> None:
    content = stated({"one": worker(), "two": worker("dies")}, plan={"blocks": 1})
    ran = run(tmp_path, content)

    assert ran.variant("two")["outcome"] == "does not start", ran.errors
    decision = next(r for r in ran.report()["recommendations"] if r["variant"] == "two")
    assert decision["decision"] == "reject"
    assert "before a line of its log matched /worker ready/" in ran.output
    assert left_behind(tmp_path) == []
