"""What a fleet decides about dashboards and alerts: thresholds, selectors, labels, addresses.

One configuration for both, with a default for each key, read from a TOML file.
"""

from headstart.dashboards.configuration.selected import selected
from headstart.dashboards.configuration.settings import (
    AlertSettings,
    Configuration,
    ExternalUrls,
    Grafana,
    Scrape,
    Thresholds,
)
from headstart.dashboards.configuration.values import Duration, is_url

__all__ = [
    "AlertSettings",
    "Configuration",
    "Duration",
    "ExternalUrls",
    "Grafana",
    "Scrape",
    "Thresholds",
    "is_url",
    "selected",
]
