"""The alert rules, as a Prometheus rule file.

The collector does the statistics; PromQL only compares and guards freshness. Gauges of a
run stay until the next run, so an alert about a result lets go of it after a while: what
is then wrong is that nobody measures any more, and another alert says that.
"""

from dataclasses import dataclass
from typing import Any

from headstart.words.outcomes import OWN_FAULTS, RAN
from headstart.words.states import RECORDS_GONE, RunWord
from headstart.words.verdicts import GateStatus, Verdict

# Where the runbooks lie in this repository; a fleet gives the URL under which it has them.
RUNBOOKS = "docs/runbooks"

# About two scrapes: a restart of the collector is not worth a message.
_TWO_SCRAPES = "1m"

# Alerts about a result hold this long after the run that gave it.
_RECENT_RUN = (
    f"and on (experiment, host) (time() - headstart_run_end_timestamp_seconds < {7 * 24 * 3600})"
)


@dataclass(frozen=True)
class Alert:
    """One alert; its runbook is docs/runbooks/<name>.md."""

    name: str
    severity: str
    expr: str
    lasts: str
    summary: str
    description: str

    def rule(self, runbooks: str) -> dict[str, Any]:
        """As a rule of a Prometheus rule file."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasts,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{runbooks}/{self.name}.md",
            },
        }


_VARIANT = "{{ $labels.variant }} of {{ $labels.experiment }} on {{ $labels.host }}"
_RUN = "{{ $labels.experiment }} on {{ $labels.host }}"
_OUTCOME = "{{ $labels.outcome }}"
_OF_THE_APP = (*RAN, *OWN_FAULTS)
# Runs that end so have nothing to show for it.
_ENDED_BADLY = (RunWord.FAILED, *RECORDS_GONE)

RESULTS = (
    Alert(
        "HeadstartVariantFailsChecks",
        "critical",
        f"headstart_checks_failed > 0 {_RECENT_RUN}",
        _TWO_SCRAPES,
        f"{_VARIANT} answers wrongly",
        "{{ $value }} checks failed in the latest run. However fast it is, it is not the same "
        "program.",
    ),
    Alert(
        "HeadstartVariantDoesNotStart",
        "critical",
        f'headstart_variant_outcome{{outcome=~"{"|".join(OWN_FAULTS)}"}} == 1 {_RECENT_RUN}',
        _TWO_SCRAPES,
        f"{_VARIANT} {_OUTCOME}",
        "No trial of the latest run got a correct response. The report has its last output.",
    ),
    Alert(
        "HeadstartVariantNotMeasured",
        "warning",
        f'headstart_variant_outcome{{outcome!~"{"|".join(_OF_THE_APP)}"}} == 1 {_RECENT_RUN}',
        _TWO_SCRAPES,
        f"{_VARIANT} was not measured: {_OUTCOME}",
        "The app is not to blame: the host, its engine or the experiment is.",
    ),
    Alert(
        "HeadstartGateFailed",
        "critical",
        f'headstart_gate{{outcome="{GateStatus.FAILED}",stated="yes"}} == 1 {_RECENT_RUN}',
        _TWO_SCRAPES,
        f"{_VARIANT} fails its gate on {{{{ $labels.metric }}}}",
        "The whole interval of the latest run lies beyond the limit ({{ $labels.limit }}) that the "
        "experiment states, so the variant is rejected.",
    ),
    Alert(
        "HeadstartManyInvalidTrials",
        "warning",
        f"headstart_trials_invalid / headstart_trials > 0.3 {_RECENT_RUN}",
        _TWO_SCRAPES,
        f"Many trials of {_VARIANT} are invalid",
        "{{ $value | humanizePercentage }} of the trials of the latest run were disturbed and are "
        "left out of verdicts.",
    ),
)

# A host that sees differences where there are none; its A/A runs end in .aa.
HOSTS = (
    Alert(
        "HeadstartHostUnfit",
        "warning",
        f"headstart_host_fit == 0 {_RECENT_RUN}",
        _TWO_SCRAPES,
        "{{ $labels.host }} finds differences where there are none",
        "The A/A run {{ $labels.experiment }} compared a variant with itself and called it "
        "different: verdicts from this host are doubtful.",
    ),
)

_SHIFT = (
    "{{ $labels.metric }} of {{ $labels.variant }} of {{ $labels.experiment }} got worse since "
    "revision {{ $labels.revision }}"
)
_SHIFTED = (
    "On {{ $labels.cpu_model }} it is {{ $value | humanize }} times what it was, "
    "and stays so from run to run. "
)

# The collector judges each series once a run; docs/METHODOLOGY.md says how.
SHIFTS = (
    Alert(
        "HeadstartRegression",
        "warning",
        f'headstart_shift_ratio{{direction="{Verdict.WORSE}",confirmation!="rerun"}}',
        _TWO_SCRAPES,
        _SHIFT,
        f"{_SHIFTED}No rerun of the old image against the new one has confirmed it (yet).",
    ),
    Alert(
        "HeadstartRegressionConfirmed",
        "critical",
        f'headstart_shift_ratio{{direction="{Verdict.WORSE}",confirmation="rerun"}}',
        _TWO_SCRAPES,
        _SHIFT,
        f"{_SHIFTED}The old image and the new one, run again in turns, differ too.",
    ),
)

# Looks back over days: every ten minutes of them is enough, and cheap.
FRESHNESS = (
    Alert(
        "HeadstartResultsStale",
        "warning",
        # Only what was run at least three times in two weeks is missed when it stops.
        "time() - max by (experiment, host) (headstart_run_end_timestamp_seconds) "
        f"> {3 * 24 * 3600} and on (experiment, host) sum by (experiment, host) "
        "(changes(headstart_run_end_timestamp_seconds[14d:10m])) >= 2",
        _TWO_SCRAPES,
        f"{_RUN} is no longer measured",
        "It used to run regularly; the last run ended {{ $value | humanizeDuration }} ago.",
    ),
    Alert(
        "HeadstartResultsAbsent",
        "warning",
        # Not when the collector itself is gone: that is HeadstartCollectorDown.
        "group by (experiment, host) "
        "(present_over_time(headstart_run_end_timestamp_seconds[1d:10m])) "
        "unless on (experiment, host) headstart_run_end_timestamp_seconds "
        "and on () headstart_collector_info",
        "5m",
        f"The results of {_RUN} are gone",
        "They were exposed within the last day and no longer are.",
    ),
)

FLEET = (
    Alert(
        "HeadstartAgentLost",
        "warning",
        "headstart_host_up == 0 and on (host) "
        f"(time() - headstart_host_last_seen_timestamp_seconds < {7 * 24 * 3600}) "
        'unless on (host) headstart_host_takes_no_run{reason="drained"} == 1',
        "5m",
        "The agent of {{ $labels.host }} is away",
        "It has no stream to the collector. What it measures meanwhile is spooled on its disk.",
    ),
    Alert(
        "HeadstartHostNotReady",
        "warning",
        "headstart_host_up == 1 and headstart_host_ready == 0",
        "5m",
        "{{ $labels.host }} takes no runs",
        "Its agent is connected and takes no runs, as when its disk is full: what is queued for it "
        "waits. `headstart status` says why.",
    ),
    Alert(
        "HeadstartSpoolGrowing",
        "warning",
        f"headstart_host_spool_bytes > {64 << 20} "
        "and deriv(headstart_host_spool_bytes[15m]) > 0 and on (host) headstart_host_up == 1",
        "10m",
        "The spool of {{ $labels.host }} grows",
        "{{ $value | humanize1024 }}B are not confirmed although the agent is connected. When the "
        "spool is full, samples are dropped, with a record of the gap.",
    ),
)

COLLECTOR = (
    Alert(
        "HeadstartCollectorDown",
        "critical",
        "absent(headstart_collector_info)",
        "2m",
        "No collector is scraped",
        "Prometheus sees no Headstart collector: neither results nor the other alerts can be "
        "trusted until it does.",
    ),
    Alert(
        "HeadstartStoreFaulty",
        "critical",
        "max by (job, instance) (headstart_collector_store_faulty) > 0",
        _TWO_SCRAPES,
        "The collector's store cannot be written or read",
        "Nothing is confirmed to agents, and their spools fill. Its /healthz says why.",
    ),
    Alert(
        "HeadstartCollectorRefusing",
        "critical",
        "sum by (job, instance, reason) (increase(headstart_collector_refused_total[10m])) > 0",
        _TWO_SCRAPES,
        "The collector refuses what agents send: {{ $labels.reason }}",
        "{{ $value | humanize }} refusals in ten minutes. Measurements may be missing.",
    ),
    Alert(
        "HeadstartRunsFailing",
        "warning",
        "sum by (job, instance, state) "
        '(increase(headstart_collector_runs_ended_total{state=~"'
        f'{"|".join(_ENDED_BADLY)}"}}[1h])) > 0',
        _TWO_SCRAPES,
        "Runs end as {{ $labels.state }}",
        "{{ $value | humanize }} runs within an hour. Their experiments keep the results of the "
        "run before.",
    ),
    Alert(
        "HeadstartSeriesDropped",
        "warning",
        "sum by (job, instance, reason) (headstart_exposition_dropped_series) > 0",
        "5m",
        "Series are not exposed: {{ $labels.reason }}",
        "{{ $value }} series of results or hosts are missing from /metrics, so from dashboards "
        "and alerts too.",
    ),
)

GROUPS = {
    "headstart-results": RESULTS,
    "headstart-shifts": SHIFTS,
    "headstart-hosts": HOSTS,
    "headstart-freshness": FRESHNESS,
    "headstart-fleet": FLEET,
    "headstart-collector": COLLECTOR,
}


def rule_file(runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """The content of the rule file; `runbooks` is the address of the folder of runbooks."""
    return {
        "groups": [
            {"name": name, "rules": [alert.rule(runbooks) for alert in alerts]}
            for name, alerts in GROUPS.items()
        ]
    }
