"""Examples of prometheus.yml and alertmanager.yml that fit the boards and the rules."""

import json
from dataclasses import dataclass

from headstart.dashboards.alerts import About, rule_file
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.generate import RULES_FILE

_NOTE = "# Written by `headstart rules write`.\n"


def prometheus_text(configuration: Configuration) -> str:
    """A prometheus.yml that scrapes the collectors and has the rules beside it."""
    scrape = configuration.scrape
    return f"""{_NOTE}# An example. It expects {RULES_FILE} in the same folder.
global:
  scrape_interval: {scrape.interval}
  evaluation_interval: {scrape.interval}

rule_files:
  - {RULES_FILE}

alerting:
  alertmanagers:
    - static_configs:
        - targets: ["127.0.0.1:9093"]

scrape_configs:
  - job_name: {scrape.job}
    # Results do not change between runs, so a scrape now and then is enough. A limit of
    # its own stops a fault of ours before it fills this Prometheus.
    sample_limit: {scrape.sample_limit}
    label_value_length_limit: 256
    static_configs:
      - targets: {json.dumps(list(scrape.targets))}
"""


def alertmanager_text(configuration: Configuration) -> str:
    """An alertmanager.yml that groups, repeats and inhibits as the alerts are meant."""
    return f"""{_NOTE}# An example: messages go to a webhook; replace it with what your team reads.
# Every alert of Headstart says in its label `about` what it is about.
route:
  receiver: team
  # One message for all variants and hosts of an experiment with the same trouble.
  group_by: [alertname, store, experiment]
  group_wait: 30s
  group_interval: 10m
  # A result stays as it is until the next run, so a reminder a day is enough.
  repeat_interval: 24h
  routes:
    # What has its cause in a host: one message for all its experiments.
    - matchers: ['about="{About.HOST}"']
      group_by: [alertname, store, host]
      receiver: team
    - matchers: ['about="{About.COLLECTOR}"']
      group_by: [alertname, job, instance]
      receiver: team
      repeat_interval: 4h
    - matchers: ['severity="critical"']
      receiver: team
      repeat_interval: 4h

{_inhibitions(configuration)}receivers:
  - name: team
    webhook_configs:
      - url: http://127.0.0.1:5001/alerts
"""


@dataclass(frozen=True)
class _Explains:
    """An alert that holds others back while it fires, where the labels are the same."""

    name: str
    why: str
    others: tuple[str, ...]
    equal: tuple[str, ...]


_EXPLANATIONS = (
    _Explains(
        "HeadstartCollectorDown",
        "Of a collector that is down nothing else can be known. What fired outlives its series "
        "until\n  # this one fires, so that nothing ends with an all-clear.",
        ('alertname=~"Headstart.+"', 'alertname!="HeadstartCollectorDown"'),
        ("job", "instance"),
    ),
    _Explains(
        "HeadstartRegressionConfirmed",
        "A rerun that confirms says more than the regression that it confirms.",
        ('alertname="HeadstartRegression"',),
        ("store", "shift"),
    ),
    _Explains(
        "HeadstartAgentLost",
        "A host that is away explains why its results grow old.",
        ('alertname="HeadstartResultsStale"',),
        ("store", "host"),
    ),
    _Explains(
        "HeadstartHostNotReady",
        "So does one that takes no runs.",
        ('alertname="HeadstartResultsStale"',),
        ("store", "host"),
    ),
    _Explains(
        "HeadstartStoreFaulty",
        "A store that cannot be written explains what is refused or late.",
        ('alertname=~"HeadstartCollectorRefusing|HeadstartStoreSlow"',),
        ("job", "instance"),
    ),
)


def _inhibitions(configuration: Configuration) -> str:
    names = {r["alert"] for group in rule_file(configuration)["groups"] for r in group["rules"]}
    rules = [
        f"""  # {each.why}
  - source_matchers: ['alertname="{each.name}"']
    target_matchers: [{", ".join(f"'{matcher}'" for matcher in each.others)}]
    equal: [{", ".join(each.equal)}]
"""
        for each in _EXPLANATIONS
        if each.name in names
    ]
    return "".join(["inhibit_rules:\n", *rules, "\n"]) if rules else ""
