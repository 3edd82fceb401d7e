"""Grafana dashboards and Prometheus alert rules, generated from one catalogue of metrics."""

from headstart.dashboards.configuration import Configuration
from headstart.dashboards.configuration_file import (
    ConfigurationError,
    default_file,
    read_configuration,
)
from headstart.dashboards.generate import rules_text, write

__all__ = [
    "Configuration",
    "ConfigurationError",
    "default_file",
    "read_configuration",
    "rules_text",
    "write",
]
