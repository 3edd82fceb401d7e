"""Examples of prometheus.yml and alertmanager.yml that fit the boards and the rules."""

import json
from collections.abc import Mapping

from headstart.dashboards.alerts import rule_file
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
  - job_name: headstart
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
route:
  receiver: team
  # One message for all variants and hosts of an experiment with the same trouble.
  group_by: [alertname, experiment]
  group_wait: 1m
  group_interval: 10m
  # A result stays as it is until the next run, so a reminder a day is enough.
  repeat_interval: 24h
  routes:
    - matchers: ['severity="critical"']
      receiver: team
      repeat_interval: 4h

{_inhibitions(configuration)}receivers:
  - name: team
    webhook_configs:
      - url: http://127.0.0.1:5001/alerts
"""


# The alert that explains others -> those others, and by which label; and why.
_EXPLAINS: Mapping[str, tuple[str, str]] = {
    "HeadstartCollectorDown": (
        "Without a collector nothing else can be known.",
        """target_matchers: ['alertname=~"Headstart.+"', 'alertname!="HeadstartCollectorDown"']""",
    ),
    "HeadstartAgentLost": (
        "A host that is away explains why its results grow old.",
        """target_matchers: ['alertname="HeadstartResultsStale"']
    equal: [host]""",
    ),
}


def _inhibitions(configuration: Configuration) -> str:
    names = {r["alert"] for group in rule_file(configuration)["groups"] for r in group["rules"]}
    rules = [
        f"""  # {why}
  - source_matchers: ['alertname="{name}"']
    {targets}
"""
        for name, (why, targets) in _EXPLAINS.items()
        if name in names
    ]
    return "".join(["inhibit_rules:\n", *rules, "\n"]) if rules else ""
