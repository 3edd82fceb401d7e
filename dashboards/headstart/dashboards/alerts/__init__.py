"""The alert rules, as a Prometheus rule file: a module for each subject.

The collector does the statistics; PromQL only compares and guards freshness. Gauges of a
run stay until the next run, so an alert about a result lets go of it after a while: what
is then wrong is that nobody measures any more, and another alert says that.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from headstart.dashboards.alerts.alert import About, Alert
from headstart.dashboards.alerts.collector import collector
from headstart.dashboards.alerts.fleet import fleet
from headstart.dashboards.alerts.freshness import freshness
from headstart.dashboards.alerts.results import results
from headstart.dashboards.alerts.shifts import shifts
from headstart.dashboards.configuration import Configuration

__all__ = ["About", "Alert", "alerts", "rule_file"]

# A group of the rule file for each subject.
GROUPS: Mapping[str, Callable[[Configuration], Sequence[Alert]]] = {
    "headstart-results": results,
    "headstart-shifts": shifts,
    "headstart-freshness": freshness,
    "headstart-fleet": fleet,
    "headstart-collector": collector,
}


def alerts(configuration: Configuration) -> Iterator[Alert]:
    """Every alert, also those that the configuration leaves out."""
    for made in GROUPS.values():
        yield from made(configuration)


def rule_file(configuration: Configuration) -> dict[str, Any]:
    """The content of the rule file, without groups that have no rule."""
    groups = [
        {
            "name": name,
            "rules": [
                alert.rule(configuration)
                for alert in made(configuration)
                if alert.name not in configuration.alerts.off
            ],
        }
        for name, made in GROUPS.items()
    ]
    return {"groups": [group for group in groups if group["rules"]]}
