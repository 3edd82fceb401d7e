"""The examples in deploy/: each is checked by the program that will read it, where it is here."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from headstart.agent.policy.keys import KEYS
from headstart.agent.policy.policy import Policy
from headstart.cli import agent as agent_command, collector as collector_command, environment
from headstart.cli.exit_codes import ExitCode
from headstart.dashboards import Configuration, read_configuration, write
from headstart.dashboards.__main__ import examples
from headstart.dashboards.delivery import alertmanager_text, prometheus_text
from headstart.dashboards.generate import RULES_FILE
from headstart.words.exposed_series import BESIDE, MAXIMUM_SERIES
from headstart.words.foreign.clean import LABEL_CHARACTERS

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def checked(*arguments: str | Path) -> None:
    """Runs a program that checks a file; skips the test where the program is missing."""
    if shutil.which(str(arguments[0])) is None:
        pytest.skip(f"not installed: {arguments[0]}")
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def loaded(path: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / path).read_text())
    return found


@pytest.mark.prometheus
def test_prometheus_accepts_its_configuration_with_the_rules(tmp_path: Path) -> None:
    write(tmp_path)
    shutil.copy(DEPLOY / "prometheus/prometheus.yml", tmp_path)

    checked("promtool", "check", "config", tmp_path / "prometheus.yml")


def test_the_examples_are_what_the_default_configuration_makes(tmp_path: Path) -> None:
    made = {path.relative_to(tmp_path): path.read_text() for path in examples(tmp_path)}

    assert made == {path: (DEPLOY / path).read_text() for path in made}, "run `make dashboards`"
    assert read_configuration(DEPLOY / "observability.toml") == Configuration()


@pytest.mark.prometheus
def test_prometheus_and_alertmanager_accept_what_another_configuration_makes(
    tmp_path: Path,
) -> None:
    config = tmp_path / "observability.toml"
    config.write_text(
        """
        [scrape]
        selector = 'job="headstart",store!~"old|older"'
        interval = "15s"
        sample_limit = 200000
        targets = ["[::1]:9470", "lab.example:9470"]
        [external_url]
        grafana = "https://grafana.example"
        [alerts]
        labels = { team = "it's \\"ours\\": yes", cost_centre = "0042" }
        severities = { HeadstartHostUnfit = "info" }
        off = ["HeadstartAgentLost", "HeadstartRegression", "HeadstartRegressionConfirmed"]
        """
    )
    configuration = read_configuration(config)
    write(tmp_path, configuration)
    (tmp_path / "prometheus.yml").write_text(prometheus_text(configuration))
    (tmp_path / "alertmanager.yml").write_text(alertmanager_text(configuration))

    assert "HeadstartAgentLost" not in (tmp_path / "alertmanager.yml").read_text()
    checked("promtool", "check", "config", tmp_path / "prometheus.yml")
    checked("amtool", "check-config", tmp_path / "alertmanager.yml")


def test_prometheus_scrapes_where_the_collector_listens_and_takes_all_it_exposes() -> None:
    config = loaded("prometheus/prometheus.yml")
    (job,) = config["scrape_configs"]
    defaults = {p.name: p.default for p in collector_command.command.params}

    assert job["static_configs"] == [{"targets": [defaults["metrics_listen"]]}]
    assert config["rule_files"] == [RULES_FILE]
    # A scrape above the limit fails as a whole.
    assert job["sample_limit"] == MAXIMUM_SERIES + BESIDE
    assert defaults["metrics_series"] == MAXIMUM_SERIES
    assert job["label_value_length_limit"] >= LABEL_CHARACTERS


def test_alertmanager_accepts_its_configuration() -> None:
    checked("amtool", "check-config", DEPLOY / "alertmanager/alertmanager.yml")


def test_alertmanager_groups_and_silences_by_labels_and_names_that_alerts_have(
    tmp_path: Path,
) -> None:
    *_, rules = write(tmp_path)
    names = {
        rule["alert"]
        for group in yaml.safe_load(rules.read_text())["groups"]
        for rule in group["rules"]
    }
    text = (DEPLOY / "alertmanager/alertmanager.yml").read_text()

    assert set(re.findall(r"Headstart[A-Z]\w+", text)) <= names


def test_grafana_is_given_a_data_source_and_the_folder_of_the_dashboards() -> None:
    (source,) = loaded("grafana/provisioning/datasources/headstart.yml")["datasources"]
    (provider,) = loaded("grafana/provisioning/dashboards/headstart.yml")["providers"]
    scraped_every = loaded("prometheus/prometheus.yml")["global"]["scrape_interval"]

    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == scraped_every
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "/etc/grafana/provisioning/dashboards/headstart"


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    # The program is not installed where tests run; systemd wants to see one.
    copy.write_text(unit.read_text().replace("/opt/headstart/bin/headstart", "/bin/true"))

    checked("systemd-analyze", "verify", copy)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_has_started_when_its_command_says_so(unit: Path) -> None:
    lines = unit.read_text().splitlines()

    # What says so: tests/cli/test_service_manager.py.
    assert "Type=notify" in lines
    # A store that is changed for long, or an engine that hangs, is no reason to kill it.
    assert "TimeoutStartSec=infinity" in lines
    # 128 + SIGTERM, of a command that is stopped before it is ready.
    assert "SuccessExitStatus=143" in lines


def test_an_agent_that_was_refused_is_not_started_again_and_again() -> None:
    unit = (DEPLOY / "systemd/headstart-agent.service").read_text()

    # What `headstart agent` exits with then: test_forget_command.py.
    assert f"RestartPreventExitStatus={ExitCode.WRONG_INPUT}\n" in unit


@pytest.mark.parametrize(
    ("name", "command"),
    [("collector", collector_command.command), ("agent", agent_command.command)],
)
def test_names_in_the_environment_are_options(name: str, command: click.Command) -> None:
    texts = [
        (DEPLOY / "systemd" / file).read_text()
        for file in (f"{name}.env", f"headstart-{name}.service")
    ]
    used = {n for text in texts for n in re.findall(r"\b(HEADSTART_\w+)=", text)}
    environment.name_options(command, name)
    known = {option.envvar for option in command.params}

    assert used
    assert used <= known


def test_the_policy_is_one_that_an_agent_reads_with_every_key_that_there_is() -> None:
    path = DEPLOY / "systemd/policy.toml"
    stated = tomllib.loads(path.read_text())
    page = (DEPLOY.parent / "docs/POLICY.md").read_text()
    example = tomllib.loads(page.partition("```toml\n")[2].partition("```")[0])

    assert stated["images"] == list(Policy.load(path).images)
    assert set(stated) == set(KEYS)
    assert set(example) == set(KEYS)
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == set(KEYS)
