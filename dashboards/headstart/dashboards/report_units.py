"""Values of unlike units in one column: as reports show them, each with its unit beside it."""

# Unit of a series' label -> by what it is multiplied, and what it is in then.
_SHOWN = {
    "seconds": ("* 1000", "ms"),
    "bytes": ("/ 1e6", "MB"),
    "per_second": ("* 1", "/s"),
    "jobs_per_second": ("* 1", "jobs/s"),
    "ratio": ("* 1", "× baseline"),
}
# The label that has it.
SHOWN_IN = "shown_in"


def in_report_units(series: str, matchers: str) -> str:
    """Series with the label `unit`, scaled, with `shown_in` as one more label."""
    return " or ".join(
        f'label_replace({series}{{{matchers},unit="{unit}"}} {scale}, '
        f'"{SHOWN_IN}", "{shown}", "", "")'
        for unit, (scale, shown) in _SHOWN.items()
    )
