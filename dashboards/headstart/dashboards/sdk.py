"""The parts of grafana-foundation-sdk that are used, imported in one place.

The SDK warns at import that its classic ("v1") dashboards are to be given up for v2, and
Python run with -W error would refuse them; but Grafana still provisions from files only
the classic model, so that is what is written here.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders import (
        barchart,
        bargauge,
        common as common_builders,
        dashboard,
        prometheus,
        stat,
        statetimeline,
        table,
        timeseries,
        trend,
    )
    from grafana_foundation_sdk.cog import builder, variants
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import common, dashboard as models
    from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = [
    "JSONEncoder",
    "PromQueryFormat",
    "barchart",
    "bargauge",
    "builder",
    "common",
    "common_builders",
    "dashboard",
    "models",
    "prometheus",
    "stat",
    "statetimeline",
    "table",
    "timeseries",
    "trend",
    "variants",
]
