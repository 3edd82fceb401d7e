"""What dashboards and rules ask for against what the collector really exposes."""

import re

from prometheus_client.parser import text_string_to_metric_families

from headstart.collector.metrics.page import Exposition
from headstart.collector.own_metrics import SelfMetrics
from headstart.dashboards.alerts import rule_file
from headstart.dashboards.appearance import UNITS, VERDICT_COLOURS
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.generate import dashboards
from headstart.words.metric import Unit
from headstart.words.metrics import METRICS
from headstart.words.verdicts import Verdict
from support.dashboard_json import expressions
from support.metrics_results import STORE, fleet, host_states, shifts

# What Prometheus itself adds, and what its client adds for every process.
FROM_ELSEWHERE = {"scrape_duration_seconds"}


def exposed_labels() -> dict[str, set[str]]:
    """Every sample name of an exposition with everything in it -> its labels."""
    exposition = Exposition(SelfMetrics("0.1.0"), STORE, detailed=True)
    exposition.update(fleet(), host_states(), shifts())
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition.scrape().decode()):
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    return labels


def test_each_metric_is_exposed_under_the_name_that_panels_ask_for() -> None:
    labels = exposed_labels()

    assert [m.series for m in METRICS.values() if m.series not in labels] == []


def test_each_unit_and_each_verdict_has_a_look() -> None:
    assert set(UNITS) == set(Unit)
    assert set(VERDICT_COLOURS) == set(Verdict)


def queries() -> list[str]:
    """Of all panels, annotations and rules."""
    rules = [
        rule["expr"] for group in rule_file(Configuration())["groups"] for rule in group["rules"]
    ]
    return [expr for board in dashboards() for expr in expressions(board)] + rules


def test_stats_that_are_asked_for_are_exposed() -> None:
    exposition = Exposition(SelfMetrics("0.1.0"), STORE, detailed=True)
    exposition.update(fleet())
    exposed = set(re.findall(r'stat="(\w+)"', exposition.scrape().decode()))
    asked = {stat for expr in queries() for stat in re.findall(r'stat="(\w+)"', expr)}

    assert "center" in asked
    assert asked <= exposed


def test_queries_and_rules_name_only_metrics_and_labels_that_are_exposed() -> None:
    labels = exposed_labels()

    for expr in queries():
        for name, matchers in re.findall(r"\b((?:headstart|process|scrape)_\w+)(\{[^}]*\})?", expr):
            if name in FROM_ELSEWHERE:
                continue
            assert name in labels, expr
            # Prometheus gives every scraped series these two.
            known = labels[name] | {"job", "instance"}
            assert set(re.findall(r"(\w+)(?:=~|!=|=)", matchers)) <= known, expr
