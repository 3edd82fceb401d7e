"""Alerts about the collector itself."""

from headstart.dashboards.alerts.alert import Alert
from headstart.dashboards.board_uids import OVERVIEW
from headstart.dashboards.configuration import Configuration
from headstart.words.states import RECORDS_GONE, RunWord

# Runs that end so have nothing to show for it.
_ENDED_BADLY = (RunWord.FAILED, *RECORDS_GONE)


def collector(configuration: Configuration) -> tuple[Alert, ...]:
    """A collector that is not there, or does not do all of its work."""
    limits = configuration.thresholds
    soon = configuration.scrape.twice
    return (
        Alert(
            "HeadstartCollectorDown",
            "critical",
            "absent(headstart_collector_info)",
            limits.collector_down_for,
            "No collector is scraped",
            "Prometheus sees no Headstart collector: neither results nor the other alerts can be "
            "trusted until it does.",
            OVERVIEW,
        ),
        Alert(
            "HeadstartStoreFaulty",
            "critical",
            "max by (job, instance) (headstart_collector_store_faulty) > 0",
            soon,
            "The collector's store cannot be written or read",
            "Nothing is confirmed to agents, and their spools fill. Its /healthz says why.",
            OVERVIEW,
            ("instance",),
        ),
        Alert(
            "HeadstartStoreSlow",
            "warning",
            # What is under way now, and what most batches waited for.
            "max by (job, instance) (headstart_collector_store_commit_latest_seconds) "
            f"> {limits.commit_hangs.seconds} or histogram_quantile(0.9, sum by (job, instance, le)"
            f" (rate(headstart_collector_commit_seconds_bucket[{limits.commit_slow_within}]))) "
            f"> {limits.commit_slow.seconds}",
            limits.store_slow_for,
            "The disk of the collector's store is slow",
            "A commit takes {{ $value | humanizeDuration }}. Agents are confirmed late and their "
            "spools grow; while one hangs, commands are refused.",
            OVERVIEW,
            ("instance",),
        ),
        Alert(
            "HeadstartCollectorRefusing",
            "critical",
            "sum by (job, instance, reason) (increase("
            f"headstart_collector_refused_total[{limits.refused_within}])) > 0",
            soon,
            "The collector refuses what agents send: {{ $labels.reason }}",
            f"{{{{ $value | humanize }}}} refusals in {limits.refused_within.words}. Measurements "
            "may be missing.",
            OVERVIEW,
            ("instance",),
        ),
        Alert(
            "HeadstartCallsDenied",
            "warning",
            "sum by (job, instance, reason) (increase("
            f"headstart_collector_denied_calls_total[{limits.refused_within}])) "
            f"> {limits.denied_calls}",
            soon,
            "Many calls are denied: {{ $labels.reason }}",
            f"{{{{ $value | humanize }}}} calls in {limits.refused_within.words} by callers who may"
            " not make them. `headstart audit` says whose.",
            OVERVIEW,
            ("instance",),
        ),
        Alert(
            "HeadstartRunsFailing",
            "warning",
            "sum by (job, instance, state) (increase("
            f'headstart_collector_runs_ended_total{{state=~"{"|".join(_ENDED_BADLY)}"}}'
            f"[{limits.runs_failed_within}])) > 0",
            soon,
            "Runs end as {{ $labels.state }}",
            f"{{{{ $value | humanize }}}} runs within {limits.runs_failed_within.words}. Their "
            "experiments keep the results of the run before.",
            OVERVIEW,
            ("instance",),
        ),
        Alert(
            "HeadstartSeriesDropped",
            "warning",
            "sum by (job, instance, reason) "
            '(headstart_exposition_dropped_series{reason!="detail"}) > 0',
            limits.series_dropped_for,
            "Series are not exposed: {{ $labels.reason }}",
            "{{ $value }} series of results or hosts are missing from /metrics, so from dashboards "
            "and alerts too.",
            OVERVIEW,
            ("instance",),
        ),
    )
