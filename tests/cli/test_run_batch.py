"""`headstart run` on batch programs: programs without a port, as a user compares them."""

import sys
from pathlib import Path
from typing import Any

import pytest

from headstart.words import metrics
from support.running import Ran, left_behind, run

pytestmark = pytest.mark.alone

PROGRAM = Path(__file__).parents[1] / "support" / "batch_program.py"


def batch(*behaviours: str, **parts: Any) -> dict[str, Any]:
    """An experiment whose first variant is the baseline."""
    return {
        "experiment": "batch",
        "baseline": behaviours[0],
        "variants": {
            name: {"command": [sys.executable, "-S", str(PROGRAM), name]} for name in behaviours
        },
        "service": {
            "ready": {"command": ["--version"], "output": "program 1\\.2"},
            "compare_with_baseline": True,
        },
        "jobs": {"short": {"args": ["sum", "10"], "repeat": 2, "timeout": "3s"}},
        "plan": {"blocks": 1, "quiet": "0s"} | parts.pop("plan", {}),
        **parts,
    }


def figure(ran: Ran, metric: str, variant: str) -> float:
    """The center of a figure."""
    found = next(
        f for f in ran.report()["figures"] if (f["metric"], f["variant"]) == (metric, variant)
    )
    return float(found["center"])


def test_jobs_are_timed_counted_and_compared(tmp_path: Path) -> None:
    jobs = {
        "short": {"args": ["sum", "10"], "repeat": 2},
        "long": {"args": ["write", "2000"], "repeat": 1},
    }
    ran = run(tmp_path, batch("slow", "fast", jobs=jobs, plan={"blocks": 4}))
    verdicts = {c["metric"]: c["verdict"] for c in ran.report()["comparisons"]}
    measured = {f["metric"] for f in ran.report()["figures"]}
    (page,) = (tmp_path / "data" / "reports").glob("*/report.html")

    assert ran.status == 0, ran.errors
    assert {ran.variant(name)["outcome"] for name in ("slow", "fast")} == {"measured"}
    assert verdicts[metrics.JOB.name] == verdicts[metrics.JOB_CPU.name] == "better"
    assert verdicts[metrics.JOBS_RATE.name] == "better"
    assert {metrics.STARTUP.name, metrics.LONG_JOB.name, metrics.JOB_MEMORY.name} <= measured
    assert figure(ran, metrics.JOB_CPU.name, "slow") > 0.2
    assert not any(m.startswith(("throughput", "latency", "rss_load")) for m in measured)
    assert "fast does a short job" in page.read_text()
    assert "Under load" not in page.read_text()
    assert left_behind(tmp_path) == []


def test_work_that_fails_is_no_figure_but_a_failed_check_with_its_last_words(
    tmp_path: Path,
) -> None:
    ran = run(tmp_path, batch("good", "fails"))
    (check,) = ran.variant("fails")["failing_checks"]

    assert ran.variant("fails")["outcome"] == "checks fail"
    assert "short job" in check
    assert "status 4" in check
    assert "no such table" in check


def test_an_output_that_differs_from_the_baselines_is_found(tmp_path: Path) -> None:
    ran = run(tmp_path, batch("good", "wrong"))
    (check,) = ran.variant("wrong")["failing_checks"]

    assert ran.variant("good")["checks_failed"] == 0
    assert "the same answer as good" in check
    assert "'6\\n" in check
    assert "instead of '5\\n" in check


@pytest.mark.parametrize(
    ("behaviour", "plan", "words"),
    [
        ("hangs", {}, "its short job was still running after 3 s"),
        pytest.param(
            "eats", {"memory": "64MiB"}, "out of memory within its limit", marks=pytest.mark.root
        ),
    ],
)
def test_a_job_that_comes_to_no_end_fails_its_trial_and_leaves_nothing(
    tmp_path: Path, behaviour: str, plan: dict[str, Any], words: str
) -> None:
    ran = run(tmp_path, batch("good", behaviour, plan=plan))

    assert ran.variant("good")["outcome"] == "measured"
    assert words in ran.variant(behaviour)["failure_message"]
    assert left_behind(tmp_path) == []


def test_a_program_whose_trivial_case_fails_does_not_start(tmp_path: Path) -> None:
    ran = run(tmp_path, batch("good", "no-start"))

    assert ran.variant("no-start")["outcome"] == "does not start"
    assert "ended with status 5" in ran.variant("no-start")["failure_message"]
    assert "expected exit status 0" in ran.variant("no-start")["failure_message"]


def test_checks_are_arguments_of_each_variant(tmp_path: Path) -> None:
    content = batch("good", "other")
    content["service"]["checks"] = [{"command": ["sum", "5"], "output": "^11$", "name": "eleven"}]
    ran = run(tmp_path, content)

    assert any("eleven" in check for check in ran.variant("good")["failing_checks"])
    assert any("'10'" in check for check in ran.variant("other")["failing_checks"])
