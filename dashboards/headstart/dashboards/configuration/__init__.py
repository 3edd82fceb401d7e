"""What a fleet decides about dashboards and alerts: thresholds, selectors, labels, addresses.

One configuration for both, with a default for each key, read from a TOML file.
"""

from headstart.dashboards.configuration.selected import selected
from headstart.dashboards.configuration.settings import (
    AlertSettings,
    Configuration,
    ExternalUrls,
    Scrape,
    Thresholds,
)
from headstart.dashboards.configuration.values import Duration

__all__ = [
    "AlertSettings",
    "Configuration",
    "Duration",
    "ExternalUrls",
    "Scrape",
    "Thresholds",
    "selected",
]
