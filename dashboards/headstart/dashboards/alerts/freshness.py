"""Alerts about results that are old or gone."""

from headstart.dashboards.alerts.alert import OF_RUN, RUN, About, Alert, counted
from headstart.dashboards.board_uids import RUN as RUN_BOARD
from headstart.dashboards.configuration import Configuration

# Looks back over days: every ten minutes of them is enough, and cheap.
_STEP = "10m"
_ENDED = "headstart_run_end_timestamp_seconds"
# An experiment on a host that has moved to another collector is still the same.
_ANYWHERE = "on (experiment, host)"
_KEY = "(job, instance, store, experiment, host)"
_BOARD_LABELS = ("experiment", "host")


def freshness(configuration: Configuration) -> tuple[Alert, ...]:
    """What is no longer measured, and what is no longer exposed."""
    limits = configuration.thresholds
    retired = counted("headstart_exposition_retired_results_total", limits.absent_within)
    return (
        Alert(
            "HeadstartResultsStale",
            "warning",
            About.HOST,
            # Only what was run regularly is missed when it stops. Each run but the first is a
            # change.
            f"(time() - {_ENDED} > {limits.stale_after.seconds} "
            f"< {limits.stale_after.seconds + limits.given_up_after.seconds}) "
            f"unless {_ANYWHERE} (time() - {_ENDED} <= {limits.stale_after.seconds}) "
            f"and {OF_RUN} sum by (store, experiment, host) "
            f"(changes({_ENDED}[{limits.regular_within}:{_STEP}])) "
            f">= {limits.regular_runs - 1}",
            configuration.scrape.twice,
            f"{RUN} is no longer measured",
            f"Within the last {limits.regular_within.words} it was run {limits.regular_runs} times "
            "or more; its last run ended {{ $value | humanizeDuration }} ago. What runs it, such "
            "as cron, has stopped, or the host takes no runs.",
            RUN_BOARD,
            _BOARD_LABELS,
        ),
        Alert(
            "HeadstartResultsAbsent",
            "warning",
            About.COLLECTOR,
            # Their collector is there (else that is HeadstartCollectorDown), has room for all
            # that it knows, and nobody made it forget or rename something.
            f"group by {_KEY} (present_over_time({_ENDED}[{limits.absent_within}:{_STEP}])) "
            f"unless {_ANYWHERE} {_ENDED} "
            "and on (job, instance) headstart_collector_info "
            "unless on (job, instance) headstart_exposition_dropped_results > 0 "
            f"unless on (job, instance) {retired} > 0",
            limits.absent_for,
            f"The results of {RUN} are gone",
            f"They were exposed less than {limits.absent_within.words} ago, and their collector is "
            "up and shows them no more: was its store replaced, or retention set too short?",
            RUN_BOARD,
            _BOARD_LABELS,
        ),
    )
