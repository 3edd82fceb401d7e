"""Alerts about results that are old or gone."""

from headstart.dashboards.alerts.alert import RUN, Alert
from headstart.dashboards.board_uids import COMPARED
from headstart.dashboards.configuration import Configuration

# Looks back over days: every ten minutes of them is enough, and cheap.
_STEP = "10m"
_BOARD_LABELS = ("experiment", "host")


def freshness(configuration: Configuration) -> tuple[Alert, ...]:
    """What is no longer measured, and what is no longer exposed."""
    limits = configuration.thresholds
    return (
        Alert(
            "HeadstartResultsStale",
            "warning",
            # Only what was run regularly is missed when it stops. Each run but the first is a
            # change.
            "time() - max by (store, experiment, host) (headstart_run_end_timestamp_seconds) "
            f"> {limits.stale_after.seconds} "
            "and on (store, experiment, host) sum by (store, experiment, host) "
            f"(changes(headstart_run_end_timestamp_seconds[{limits.regular_within}:{_STEP}])) "
            f">= {limits.regular_runs - 1}",
            configuration.scrape.twice,
            f"{RUN} is no longer measured",
            "It used to run regularly; the last run ended {{ $value | humanizeDuration }} ago.",
            COMPARED,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartResultsAbsent",
            "warning",
            # Not when the collector itself is gone, which is HeadstartCollectorDown, nor while it
            # leaves out results for want of room, which is HeadstartSeriesDropped.
            "group by (store, experiment, host) (present_over_time("
            f"headstart_run_end_timestamp_seconds[{limits.absent_within}:{_STEP}])) "
            "unless on (store, experiment, host) headstart_run_end_timestamp_seconds "
            "and on (store) headstart_exposition_dropped_results == 0",
            limits.absent_for,
            f"The results of {RUN} are gone",
            f"They were exposed less than {limits.absent_within.words} ago and no longer are.",
            COMPARED,
            _BOARD_LABELS,
        ),
    )
