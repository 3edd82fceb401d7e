"""Grafana dashboards and Prometheus alert rules, generated from one catalogue of metrics."""

from headstart.dashboards.generate import write

__all__ = ["write"]
