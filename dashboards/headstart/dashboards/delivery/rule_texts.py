"""Has promtool make the texts of alerts once: `promtool check rules` only parses them."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

# How promtool shows an annotation in which Prometheus could not make the text.
_FAILED = re.compile(
    r'(\w+)="<error expanding template: (?:error executing template __alert_)?'
    r'(\w+): (?:template: __alert_\w+:[\d:]+ )?(.*?)>"(?=, \w+="|\}$)',
    re.MULTILINE,
)


def text_problems(promtool: str, content: bytes, timeout_seconds: float) -> Iterator[str]:
    """Which texts fail when an alert fires, with the value 1, no labels and no series to find.

    `content` is a rule file that promtool accepts. Raises subprocess.TimeoutExpired.
    """
    groups = yaml.safe_load(content)["groups"]
    with tempfile.TemporaryDirectory() as folder:
        rules, tests = Path(folder) / "rules.yml", Path(folder) / "tests.yml"
        rules.write_text(yaml.safe_dump({"groups": [_firing(group) for group in groups]}))
        tests.write_text(yaml.safe_dump({"rule_files": [str(rules)], "tests": [_test(groups)]}))
        done = subprocess.run(
            [promtool, "test", "rules", str(tests)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=timeout_seconds,
        )
    for text, alert, why in _FAILED.findall(done.stdout + done.stderr):
        yield f"{alert}: its {text} fails when it is made: {why}"


def _firing(group: Mapping[str, Any]) -> dict[str, Any]:
    alerts = [
        {key: rule[key] for key in ("alert", "annotations") if key in rule} | {"expr": "vector(1)"}
        for rule in group.get("rules") or ()
        if "alert" in rule
    ]
    return {"name": group["name"], "rules": alerts}


def _test(groups: list[Mapping[str, Any]]) -> dict[str, Any]:
    names = {
        rule["alert"] for group in groups for rule in group.get("rules") or () if "alert" in rule
    }
    # That none is expected makes promtool print what it got.
    expected = [{"eval_time": "0s", "alertname": name, "exp_alerts": []} for name in sorted(names)]
    return {"interval": "1m", "input_series": [], "alert_rule_test": expected}
