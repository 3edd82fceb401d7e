"""`headstart aa` as a user runs it."""

from pathlib import Path

import pytest
import yaml

from headstart.words import metrics
from support.running import app, experiment, free_port, headstart, left_behind

pytestmark = pytest.mark.alone


def test_a_variant_is_measured_against_itself_and_the_status_says_what_came_of_it(
    tmp_path: Path,
) -> None:
    port = free_port()
    file = tmp_path / "experiment.yaml"
    pair = {"slow": app(port, "slow"), "fast": app(port)}
    # A margin within which a busy machine still calls the same start the same.
    content = experiment(port, pair, plan={"blocks": 3}) | {
        "margins": {metrics.STARTUP.name: "90%"}
    }
    file.write_text(yaml.safe_dump(content))
    data = str(tmp_path / "data")

    tried = headstart("aa", str(file), "--variant", "fast", "--data", data, "--json")
    found = tried.report()

    assert tried.status in (0, 1), tried.errors
    assert "A/A: " in tried.errors
    assert found["aa"] is True
    assert [(v["variant"], v["outcome"]) for v in found["variants"]] == [
        ("fast", "measured"),
        ("fast-again", "measured"),
    ]
    # Three blocks tell nothing unless they differ.
    check = found["host"]["check"]
    assert tried.status == (0 if check is None or check["passed"] else 1)
    assert left_behind(tmp_path) == []


def test_an_unknown_variant_is_wrong_input(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "experiment.yaml"
    pair = {"slow": app(port, "slow"), "fast": app(port)}
    file.write_text(yaml.safe_dump(experiment(port, pair, plan={"blocks": 3})))

    tried = headstart("aa", str(file), "--variant", "none", "--data", str(tmp_path / "data"))

    assert tried.status == 2
    assert "there is no variant none; there are fast, slow" in tried.errors
