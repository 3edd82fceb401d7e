"""The configuration of dashboards and alerts: what a file says, and all that is wrong with one."""

import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from headstart.cli.main import cli
from headstart.dashboards import Configuration, ConfigurationError, default_file
from headstart.dashboards.alerts import alerts, rule_file
from headstart.dashboards.configuration import Duration
from headstart.dashboards.configuration_file import read_configuration
from headstart.dashboards.generate import dashboards, to_json

DEPLOY = Path(__file__).parents[3] / "deploy"


def read(folder: Path, text: str | bytes) -> Configuration:
    file = folder / "observability.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_configuration(file)


def problems(folder: Path, text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as refused:
        read(folder, text)
    return refused.value.problems


def rules(configuration: Configuration) -> dict[str, dict[str, Any]]:
    return {
        rule["alert"]: rule
        for group in rule_file(configuration)["groups"]
        for rule in group["rules"]
    }


def test_what_the_command_prints_is_the_file_that_deploy_has() -> None:
    printed = CliRunner().invoke(cli, ["rules", "config"])

    assert printed.stdout == (DEPLOY / "observability.toml").read_text()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "") == Configuration()


def test_the_default_file_has_every_key_and_changes_nothing(tmp_path: Path) -> None:
    default = Configuration()
    keys = {
        section.name: {key.name for key in fields(getattr(default, section.name))}
        for section in fields(default)
    }

    assert read(tmp_path, default_file()) == default
    assert {name: set(table) for name, table in tomllib.loads(default_file()).items()} == keys


def test_what_a_file_says_is_in_rules_and_boards(tmp_path: Path) -> None:
    configuration = read(
        tmp_path,
        """
        [scrape]
        selector = 'job="headstart",cluster=~"lab.*"'
        interval = "1m"

        [external_url]
        grafana = "https://grafana.example/sub/"
        runbooks = "https://wiki.example/runbooks/"

        [alerts]
        labels = { team = "runtime" }
        severities = { HeadstartHostUnfit = "info" }
        off = ["HeadstartSeriesDropped"]

        [thresholds]
        invalid_share = 0.12345
        spool_bytes = "128MiB"
        result_holds = "2d"
        refused_within = "90m"
        agent_lost_for = "1s"
        """,
    )
    made = rules(configuration)
    spool = made["HeadstartSpoolGrowing"]
    invalid = made["HeadstartManyInvalidTrials"]

    selector = 'job="headstart",cluster=~"lab.*"'
    shown, held = spool["expr"].split(" or ")
    assert shown == (
        f"headstart_host_spool_bytes{{{selector}}} > 134217728 "
        f"and deriv(headstart_host_spool_bytes{{{selector}}}[15m]) > 0 "
        f"and on (store, host) headstart_host_up{{{selector}}} == 1"
    )
    # Without the labels that the rule itself puts on: it is to be the same alert.
    assert held.startswith("(-max without (alertname, alertstate, severity, about, team) (ALERTS{")
    assert "> 0.12345 and" in invalid["expr"]
    assert f"headstart_run_end_timestamp_seconds{{{selector}}} < 172800)" in invalid["expr"]
    assert made["HeadstartCollectorRefusing"]["annotations"]["description"].endswith(
        "Refusals within 90 minutes: {{ $value }}. Measurements may be missing.{{ end }}"
    )
    assert spool["labels"] == {"severity": "warning", "team": "runtime", "about": "host"}
    assert made["HeadstartHostUnfit"]["labels"] == {
        "severity": "info",
        "team": "runtime",
        "about": "host",
    }
    assert "HeadstartSeriesDropped" not in made
    assert invalid["annotations"]["runbook_url"] == (
        "https://wiki.example/runbooks/HeadstartManyInvalidTrials.md"
    )
    assert invalid["annotations"]["dashboard_url"] == (
        "https://grafana.example/sub/d/headstart-run"
        "?var-experiment={{ $labels.experiment | urlquery }}"
        "&var-host={{ $labels.host | urlquery }}"
    )
    # Two scrapes are two minutes now.
    assert (invalid["for"], made["HeadstartAgentLost"]["for"]) == ("2m", "2m")
    for board in dashboards(configuration):
        text = to_json(board)
        assert "cluster=~" in text
        # A name within a string of PromQL is a matcher's, such as that of __name__.
        bare = re.sub(r'\\"[^"]*\\"', "", text)
        assert not re.search(r"headstart_\w+(?!\w|\{job=)", bare), board["uid"]


def test_without_an_address_of_grafana_no_alert_links_to_a_board() -> None:
    assert not any(
        "dashboard_url" in rule["annotations"] for rule in rules(Configuration()).values()
    )


def test_all_mistakes_are_told_together_with_their_lines(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        "\n".join(
            [
                "[scrape]",  # 1
                'selector = "job=headstart"',
                "interval = 30",
                "sample_limit = true",
                "[thresholds]",  # 5
                'spool_byts = "1MiB"',
                "invalid_share = 30",
                'stale_after = "20d"',
                "[alerts]",
                'labels = { severity = "critical" }',  # 10
                'severities = { HeadstartHostUnfitt = "info" }',
                'off = "HeadstartAgentLost"',
                "[external_url]",
                'grafana = "grafana.example"',
                "[tresholds]",  # 15
                "spool_bytes = 1",
            ]
        ),
    )

    assert "\n".join(found) == (
        "line 2: scrape.selector: expected label matchers of PromQL in a text, such as "
        "'job=\"headstart\"', not 'job=headstart'\n"
        'line 3: scrape.interval: expected a time such as "90s", "5m", "12h", "7d", not 30\n'
        "line 4: scrape.sample_limit: expected a whole number from 1 up, not True\n"
        "line 6: thresholds.spool_byts: unknown key; did you mean spool_bytes?\n"
        "line 7: thresholds.invalid_share: expected a number between 0 and 1, such as 0.3, not 30\n"
        "line 8: thresholds.stale_after: 20d is not less than regular_within (14d): nothing would "
        "ever be stale\n"
        'line 10: alerts.labels: expected a table of texts by label, such as { team = "runtime" }, '
        "without alertname, severity, about, not {'severity': 'critical'}\n"
        "line 11: alerts.severities: there is no alert 'HeadstartHostUnfitt'; did you mean "
        "HeadstartHostUnfit?\n"
        'line 12: alerts.off: expected a list of alerts such as ["HeadstartHostUnfit"], not '
        "'HeadstartAgentLost'\n"
        'line 14: external_url.grafana: expected an address such as "https://grafana.example", not '
        "'grafana.example'\n"
        "line 15: tresholds: unknown section; did you mean thresholds?"
    )


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[scrape", "not TOML: "),
        ("scrape = 1", "line 1: scrape: expected a table: [scrape]"),
        (b"[alerts]\nlabels = { a = '\xe4' }", "line 2: byte 0xE4 is not UTF-8"),
        (b"#" * (300 << 10), "it has more than 262144 bytes"),
        ("x = " + "[" * 100_000, "nested too deep"),
        ('[scrape]\ninterval = "121s"', "line 2: scrape.interval: 121s is more than 2m"),
        (
            '[scrape]\ninterval = "2m"\n[thresholds]\nrefused_within = "5m"',
            (
                "line 4: thresholds.refused_within: 5m is less than four scrapes (8m): too few to "
                "see a change in"
            ),
        ),
    ],
    ids=["no TOML", "no table", "not UTF-8", "too large", "deep", "rare scrapes", "few scrapes"],
)
def test_a_file_that_cannot_be_used_says_why(text: str | bytes, wrong: str, tmp_path: Path) -> None:
    first, *others = problems(tmp_path, text)

    assert first.startswith(wrong)
    assert others == []


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_configuration(tmp_path / "none.toml")


def test_each_threshold_decides_about_an_alert() -> None:
    """A key that nothing reads would be a promise that nothing keeps."""
    default = {alert.name: alert for alert in alerts(Configuration())}
    for key in fields(Configuration().thresholds):
        value = getattr(Configuration().thresholds, key.name)
        other: Any = Duration(value.seconds + 60) if isinstance(value, Duration) else value * 2
        thresholds = replace(Configuration().thresholds, **{key.name: other})
        changed = {a.name: a for a in alerts(Configuration(thresholds=thresholds))}

        assert changed != default, key.name
