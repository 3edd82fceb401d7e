"""Values of unlike units in one column: as reports show them, each with its unit beside it."""

from headstart.words.metric import Unit

# Unit of a series' label -> by what it is multiplied, and what it is in then.
_SHOWN = {
    Unit.SECONDS: ("* 1000", "ms"),
    Unit.BYTES: ("/ 1e6", "MB"),
    Unit.PER_SECOND: ("* 1", "/s"),
    Unit.JOBS_PER_SECOND: ("* 1", "jobs/s"),
    # Of a margin.
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
