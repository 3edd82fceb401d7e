"""The alert rules: each fires when it should, stays quiet when it should, and has its runbook."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.dashboards import alerts as package, write
from headstart.dashboards.alerts import alerts
from headstart.dashboards.configuration import Configuration
from support.alert_cases import CASES, Case

RUNBOOKS = Configuration().external_url.runbooks
ALERTS = {alert.name: alert for alert in alerts(Configuration())}
PAGES = Path(__file__).parents[2] / RUNBOOKS


def promtool_test(case: Case) -> dict[str, Any]:
    """The case as promtool wants it: an expected alert in full, or none."""
    expected = []
    if case.says is not None:
        summary, description = case.says
        expected = [
            {
                "exp_labels": {
                    "severity": ALERTS[case.alert].severity,
                    "about": ALERTS[case.alert].about.value,
                    **case.labels,
                },
                "exp_annotations": {
                    "summary": summary,
                    "description": description,
                    "runbook_url": f"{RUNBOOKS}/{case.alert}.md",
                },
            }
        ]
    return {
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in case.series.items()],
        "alert_rule_test": [
            {"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}
        ],
    }


@pytest.mark.prometheus
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.why}")
def test_alert(case: Case, tmp_path: Path) -> None:
    *_, rules = write(tmp_path)
    tests = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [promtool_test(case)],
    }
    file = tmp_path / "tests.yml"
    file.write_text(yaml.safe_dump(tests))

    tested = subprocess.run(
        ["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.prometheus
def test_promtool_accepts_the_rule_file(tmp_path: Path) -> None:
    *_, rules = write(tmp_path)

    checked = subprocess.run(
        ["promtool", "check", "rules", "--lint-fatal", str(rules)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    assert {case.alert for case in CASES if case.says is not None} == ALERTS.keys()
    assert {case.alert for case in CASES if case.says is None} == ALERTS.keys()


def test_names_severities_and_waiting() -> None:
    for alert in ALERTS.values():
        assert re.fullmatch(r"Headstart([A-Z][a-z]+)+", alert.name)
        assert alert.severity in {"critical", "warning", "info"}
        assert alert.lasts


def test_no_alert_states_a_limit_of_its_own() -> None:
    """A literal in an expression is a limit that no configuration reaches."""
    literals = {
        f"{file.name}: {found}"
        for file in Path(package.__file__).parent.glob("*.py")
        for found in re.findall(r"\[\d+\w|[<>]=? *(?:[2-9]|\d\d|\d\.)\w*", file.read_text())
    }

    assert literals == set()


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == ALERTS.keys()


def test_the_documentation_lists_every_alert_with_its_severity() -> None:
    document = (PAGES.parent / "OBSERVABILITY.md").read_text()

    listed = re.findall(r"^\| \[(\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \|", document, re.MULTILINE)
    assert {(alert.name, alert.name, alert.severity) for alert in ALERTS.values()} == set(listed)


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_says_what_it_means_what_to_look_at_and_what_to_do(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text()

    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Meaning", "Look at", "Do"]
