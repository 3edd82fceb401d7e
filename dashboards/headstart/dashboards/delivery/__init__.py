"""How boards and rules come to Grafana and Prometheus: as files, or by Grafana's HTTP API."""

from headstart.dashboards.delivery.grafana_api import GrafanaApi, GrafanaFault
from headstart.dashboards.delivery.kubernetes import prometheus_rule_text
from headstart.dashboards.delivery.prometheus_files import alertmanager_text, prometheus_text
from headstart.dashboards.delivery.provisioning import provider_files, write_provisioning
from headstart.dashboards.delivery.push import Step, push
from headstart.dashboards.delivery.rules_check import check_rules

__all__ = [
    "GrafanaApi",
    "GrafanaFault",
    "Step",
    "alertmanager_text",
    "check_rules",
    "prometheus_rule_text",
    "prometheus_text",
    "provider_files",
    "push",
    "write_provisioning",
]
