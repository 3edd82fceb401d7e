"""Alerts about the collector itself."""

from headstart.dashboards.alerts.alert import COLLECTOR_DOWN, About, Alert, counted
from headstart.dashboards.board_uids import COLLECTOR
from headstart.dashboards.configuration import Configuration
from headstart.words.states import RECORDS_GONE, RunWord

# Runs that end so have nothing to show for it.
_ENDED_BADLY = (RunWord.FAILED, *RECORDS_GONE)


def collector(configuration: Configuration) -> tuple[Alert, ...]:
    """A collector that is not there, or does not do all of its work."""
    limits = configuration.thresholds
    soon = configuration.scrape.twice
    job = f'job="{configuration.scrape.job}"'
    refused = counted("headstart_collector_refused_total", limits.refused_within)
    denied = counted("headstart_collector_denied_calls_total", limits.refused_within)
    ended = counted(
        f'headstart_collector_runs_ended_total{{state=~"{"|".join(_ENDED_BADLY)}"}}',
        limits.runs_failed_within,
    )
    failures = counted("headstart_collector_analysis_failures_total", limits.analysis_failed_within)
    # Collectors whose store has an active one now, whichever of them that is. Of one that is down
    # what it said last counts.
    served = (
        f"last_over_time(headstart_collector_active[{limits.role_known_for}]) and on (job, store) "
        "(headstart_collector_active == 1)"
    )
    return (
        Alert(
            COLLECTOR_DOWN,
            "critical",
            About.COLLECTOR,
            f"(up{{{job}}} == 0 unless on (job, instance) ({served})) or absent(up{{{job}}})",
            limits.collector_down_for,
            "{{ if $labels.instance }}The collector {{ $labels.instance }} is down{{ else }}"
            "No collector is scraped{{ end }}",
            "{{ if $labels.instance }}Prometheus cannot scrape it{{ else }}Prometheus has no "
            f"target of the job {configuration.scrape.job}{{{{ end }}}}. What it showed last "
            "counts no more: other alerts about its results, hosts and shifts are held back, and "
            "that they are silent says nothing. Agents go on and spool what they measure.",
            COLLECTOR,
        ),
        Alert(
            "HeadstartStandbyDown",
            "warning",
            About.COLLECTOR,
            f"up{{{job}}} == 0 and on (job, instance) ({served})",
            limits.collector_down_for,
            "The collector {{ $labels.instance }} is down; another one of its store is active",
            "Agents, results and commands go on by the other one. If that one dies too, none takes "
            "over.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartNoActiveCollector",
            "critical",
            About.COLLECTOR,
            "max by (job, store) (headstart_collector_active) == 0",
            soon,
            "No collector of the store {{ $labels.store }} is the active one",
            "Those that are scraped stand by. Agents spool what they measure, nothing is judged, "
            "and commands that change something are refused.",
            COLLECTOR,
        ),
        Alert(
            "HeadstartStoreFaulty",
            "critical",
            About.COLLECTOR,
            "max by (job, instance, store) (headstart_collector_store_faulty) > 0",
            soon,
            "The store of the collector {{ $labels.instance }} cannot be written or read",
            "Nothing is confirmed to agents, and their spools fill. Its /healthz says why.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartStoreSlow",
            "warning",
            About.COLLECTOR,
            # What is under way now, and what most batches waited for.
            "max by (job, instance, store) (headstart_collector_store_commit_latest_seconds) "
            f"> {limits.commit_hangs.seconds} or histogram_quantile(0.9, sum by "
            "(job, instance, store, le) (rate(headstart_collector_commit_seconds_bucket"
            f"[{limits.commit_slow_within}]))) "
            f"> {limits.commit_slow.seconds}",
            limits.store_slow_for,
            "The disk of the store of the collector {{ $labels.instance }} is slow",
            "A commit takes {{ $value | humanizeDuration }}. Agents are confirmed late and their "
            "spools grow; while one hangs, commands are refused.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartCollectorRefusing",
            "critical",
            About.COLLECTOR,
            f"sum by (job, instance, store, reason) ({refused}) > 0",
            soon,
            "The collector {{ $labels.instance }} refuses what agents send: {{ $labels.reason }}",
            f"Refusals within {limits.refused_within.words}: {{{{ $value }}}}. Measurements "
            "may be missing.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartCallsDenied",
            "warning",
            About.COLLECTOR,
            f"sum by (job, instance, store, reason) ({denied}) > {limits.denied_calls}",
            soon,
            "Many calls are denied: {{ $labels.reason }}",
            f"Within {limits.refused_within.words}: {{{{ $value }}}}, by callers who may not make "
            "them. headstart audit says whose.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartRunsFailing",
            "warning",
            About.COLLECTOR,
            f"sum by (job, instance, store, state) ({ended}) > 0",
            soon,
            "Runs end as {{ $labels.state }}",
            f"Within {limits.runs_failed_within.words}: {{{{ $value }}}}. Where one has nothing to "
            "show, its experiment keeps the result of the run before. "
            "headstart status lists them.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartAnalysisFailed",
            "critical",
            About.COLLECTOR,
            f"sum by (job, instance, store) ({failures}) > 0",
            soon,
            "Runs that ended could not be analysed",
            f"Within {limits.analysis_failed_within.words}: {{{{ $value }}}}. They have no result, "
            "and boards show the run before. It is a fault of the collector, whose log says which; "
            "their records are kept.",
            COLLECTOR,
            ("instance",),
        ),
        Alert(
            "HeadstartSeriesDropped",
            "warning",
            About.COLLECTOR,
            "sum by (job, instance, store, reason) "
            '(headstart_exposition_dropped_series{reason!="detail"}) > 0',
            limits.series_dropped_for,
            "Series are not exposed: {{ $labels.reason }}",
            "{{ $value }} series of results or hosts are missing from /metrics, so from dashboards "
            "and alerts too.",
            COLLECTOR,
            ("instance",),
        ),
    )
