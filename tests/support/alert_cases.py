"""For every alert: series in which it fires, with what it says, and in which it stays quiet.

The notation of `values` is promtool's: 2x5 is a two and five more, 0+3x5 counts up by
threes, _ is a scrape without the series. Time begins at zero, so a run that "ended at 0"
ended when the series begin.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headstart.words import metrics

RUN = 'store="s1",experiment="players-api",host="alpha"'
AOT = f'{RUN},variant="aot"'
STORE = {"store": "s1"}
WHERE = {**STORE, "experiment": "players-api", "host": "alpha"}
AOT_ON_ALPHA = {**WHERE, "variant": "aot"}
COLLECTOR = {"job": "headstart", "instance": "c:9464"}


def of_collector(name: str, label: str, value: str) -> str:
    """A series of the collector's own."""
    return f'{name}{{job="headstart",instance="c:9464",{label}="{value}"}}'


FAULTY = 'headstart_collector_store_faulty{job="headstart",instance="c:9464"}'
SLOW = 'headstart_collector_store_commit_latest_seconds{job="headstart",instance="c:9464"}'
ENDED = f"headstart_run_end_timestamp_seconds{{{RUN}}}"
INFO = 'headstart_collector_info{store="s1",version="0.1.0"}'
NOTHING_DROPPED = 'headstart_exposition_dropped_results{store="s1"}'
MEBIBYTE = 1 << 20
# In seconds. A time before the series begin is negative.
DAY = 86_400


@dataclass(frozen=True)
class Case:
    """Series, and what is expected of one alert at one time; no `says`: it stays quiet."""

    alert: str
    why: str
    series: Mapping[str, str]
    at: str
    labels: Mapping[str, str] = field(default_factory=dict)
    # Summary and description.
    says: tuple[str, str] | None = None


AA = 'store="s1",experiment="players-api.aa",host="alpha"'
AA_ENDED = f"headstart_run_end_timestamp_seconds{{{AA}}}"

SHIFT_LABELS = {
    **STORE,
    "shift": "7",
    "experiment": "players-api",
    "fingerprint": "f1",
    "cpu_model": "EPYC",
    "host": "alpha",
    "variant": "aot",
    "metric": metrics.STARTUP.name,
    "unit": "seconds",
    "direction": "rose",
    "old_revision": "9d8e7f6",
    "new_revision": "3f2c1ab",
}
SHIFTED = (
    f"{metrics.STARTUP.name} of aot of players-api got worse since revision 3f2c1ab",
    "On EPYC it is 1.25 times what it was, and stays so from run to run. ",
)


def shift(change: str, confirmation: str, ratio: float = 1.25) -> dict[str, str]:
    """The series of one open shift."""
    labels = ",".join(f'{name}="{value}"' for name, value in SHIFT_LABELS.items())
    common = f'{labels},change="{change}"'
    return {
        f'headstart_shift_ratio{{{common},stat="center"}}': f"{ratio}x10",
        f'headstart_shift_ratio{{{common},stat="ci_high"}}': f"{ratio * 2}x10",
        f'headstart_shift_info{{{common},confirmation="{confirmation}"}}': "1x10",
    }


CASES = (
    Case(
        "HeadstartRegression",
        "a figure got worse over revisions",
        shift("worse", "none", 1.25),
        at="5m",
        labels={**SHIFT_LABELS, "change": "worse"},
        says=(
            SHIFTED[0],
            f"{SHIFTED[1]}No rerun of the old image against the new one has confirmed it (yet).",
        ),
    ),
    Case(
        "HeadstartRegression",
        "a figure got better",
        shift("better", "none", 0.5),
        at="5m",
    ),
    Case(
        "HeadstartRegression",
        "confirmed, which is an alert of its own",
        shift("worse", "rerun", 1.25),
        at="5m",
    ),
    Case(
        "HeadstartRegressionConfirmed",
        "old and new, run again in turns, differ",
        shift("worse", "rerun", 1.25),
        at="5m",
        labels={**SHIFT_LABELS, "change": "worse"},
        says=(
            SHIFTED[0],
            f"{SHIFTED[1]}The old image and the new one, run again in turns, differ too.",
        ),
    ),
    Case(
        "HeadstartRegressionConfirmed",
        "nobody has run it again",
        shift("worse", "exact"),
        at="5m",
    ),
    Case(
        "HeadstartHostUnfit",
        "the same variant twice differed",
        {f"headstart_host_fit{{{AA}}}": "0x10", AA_ENDED: "0x10"},
        at="5m",
        labels={**STORE, "experiment": "players-api.aa", "host": "alpha"},
        says=(
            "alpha finds differences where there are none",
            (
                "The A/A run players-api.aa compared a variant with itself and called it "
                "different: verdicts from this host are doubtful."
            ),
        ),
    ),
    Case(
        "HeadstartHostUnfit",
        "the same variant twice did not differ",
        {f"headstart_host_fit{{{AA}}}": "1x10", AA_ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartHostUnfit",
        "the next A/A run is fine",
        {f"headstart_host_fit{{{AA}}}": "0x5 1x10", AA_ENDED: "0x5 300x10"},
        at="8m",
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "two checks fail",
        {f"headstart_checks_failed{{{AOT}}}": "2x10", ENDED: "0x10"},
        at="5m",
        labels=AOT_ON_ALPHA,
        says=(
            "aot of players-api on alpha answers wrongly",
            "2 checks failed in the latest run. However fast it is, it is not the same program.",
        ),
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "all checks pass",
        {f"headstart_checks_failed{{{AOT}}}": "0x10", ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "the run is more than a week old",
        {f"headstart_checks_failed{{{AOT}}}": "2x30", ENDED: f"-{7 * DAY}x30"},
        at="5m",
    ),
    Case(
        "HeadstartVariantFailsChecks",
        "the next run is fine",
        {f"headstart_checks_failed{{{AOT}}}": "2x5 0x10", ENDED: "0x5 300x10"},
        at="8m",
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "no trial got an answer",
        {
            f'headstart_variant_outcome{{{AOT},outcome="does not start"}}': "1x10",
            ENDED: "0x10",
        },
        at="5m",
        labels={**AOT_ON_ALPHA, "outcome": "does not start"},
        says=(
            "aot of players-api on alpha does not start",
            "No trial of the latest run got a correct response. The report has its last output.",
        ),
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "it was measured",
        {f'headstart_variant_outcome{{{AOT},outcome="measured"}}': "1x10", ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "it starts again in the next run",
        {
            f'headstart_variant_outcome{{{AOT},outcome="does not start"}}': "1x5 stale",
            f'headstart_variant_outcome{{{AOT},outcome="measured"}}': "_x5 1x10",
            ENDED: "0x5 300x10",
        },
        at="8m",
    ),
    Case(
        "HeadstartVariantDoesNotStart",
        "its image is missing, which is not of its doing",
        {
            f'headstart_variant_outcome{{{AOT},outcome="image missing"}}': "1x10",
            ENDED: "0x10",
        },
        at="5m",
    ),
    Case(
        "HeadstartVariantNotMeasured",
        "its image is missing",
        {
            f'headstart_variant_outcome{{{AOT},outcome="image missing"}}': "1x10",
            ENDED: "0x10",
        },
        at="5m",
        labels={**AOT_ON_ALPHA, "outcome": "image missing"},
        says=(
            "aot of players-api on alpha was not measured: image missing",
            "The app is not to blame: the host, its engine or the experiment is.",
        ),
    ),
    Case(
        "HeadstartVariantNotMeasured",
        "measured, and dead by its own doing",
        {
            f'headstart_variant_outcome{{{AOT},outcome="dies"}}': "1x10",
            f'headstart_variant_outcome{{{RUN},variant="jit",outcome="measured"}}': "1x10",
            f'headstart_variant_outcome{{{RUN},variant="r2r",outcome="checks fail"}}': "1x10",
            ENDED: "0x10",
        },
        at="5m",
    ),
    Case(
        "HeadstartGateFailed",
        "a stated limit of startup is missed",
        {
            f'headstart_gate_limit{{{AOT},metric="{metrics.STARTUP.name}",kind="max",'
            'side="at most",unit="seconds",outcome="fail",stated="yes"}': "0.05x10",
            ENDED: "0x10",
        },
        at="5m",
        labels={
            **AOT_ON_ALPHA,
            "metric": metrics.STARTUP.name,
            "kind": "max",
            "side": "at most",
            "unit": "seconds",
            "outcome": "fail",
            "stated": "yes",
        },
        says=(
            f"aot of players-api on alpha fails its gate on {metrics.STARTUP.name}",
            (
                "The whole interval of the latest run lies beyond the limit (at most 0.05 "
                "seconds) that the experiment states, so the variant is rejected."
            ),
        ),
    ),
    Case(
        "HeadstartGateFailed",
        "undecided, passed, and failed where nobody stated a gate",
        {
            f'headstart_gate_limit{{{AOT},metric="{metric}",kind="max",outcome="{outcome}",'
            f'stated="{stated}"}}': "1x10"
            for metric, outcome, stated in (
                (metrics.STARTUP.name, "undecided", "yes"),
                (metrics.RSS_IDLE.name, "pass", "yes"),
                (metrics.IMAGE_UNPACKED.name, "fail", "no"),
            )
        }
        | {ENDED: "0x10"},
        at="5m",
    ),
    Case(
        "HeadstartManyInvalidTrials",
        "four of ten",
        {
            f"headstart_trials_invalid{{{AOT}}}": "4x10",
            f"headstart_trials{{{AOT}}}": "10x10",
            ENDED: "0x10",
        },
        at="5m",
        labels=AOT_ON_ALPHA,
        says=(
            "Many trials of aot of players-api on alpha are invalid",
            "40% of the trials of the latest run were disturbed and are left out of verdicts.",
        ),
    ),
    Case(
        "HeadstartManyInvalidTrials",
        "three of ten",
        {
            f"headstart_trials_invalid{{{AOT}}}": "3x10",
            f"headstart_trials{{{AOT}}}": "10x10",
            ENDED: "0x10",
        },
        at="5m",
    ),
    Case(
        "HeadstartResultsStale",
        "daily runs that stopped three days ago",
        {ENDED: f"-{6 * DAY}x14 -{5 * DAY}x14 -{4 * DAY}x14 -{3 * DAY}x30"},
        at="1h",
        labels=WHERE,
        says=(
            "players-api on alpha is no longer measured",
            "It used to run regularly; the last run ended 3d 1h 0m 0s ago.",
        ),
    ),
    Case(
        "HeadstartResultsStale",
        "daily runs with two days of rest",
        {ENDED: f"-{5 * DAY}x14 -{4 * DAY}x14 -{3 * DAY}x14 -{2 * DAY}x30"},
        at="1h",
    ),
    Case(
        "HeadstartResultsStale",
        "an experiment that ran once",
        {ENDED: f"-{6 * DAY}x90"},
        at="1h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "a result that is no longer exposed",
        {ENDED: "0x60 stale", NOTHING_DROPPED: "0x200"},
        at="2h",
        labels=WHERE,
        says=(
            "The results of players-api on alpha are gone",
            "They were exposed less than 1 day ago and no longer are.",
        ),
    ),
    Case(
        "HeadstartResultsAbsent",
        "a result that is there",
        {ENDED: "0x200", NOTHING_DROPPED: "0x200"},
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "the same run on a host with another fingerprint",
        {
            f'headstart_run_end_timestamp_seconds{{{RUN},fingerprint="old"}}': "0x60 stale",
            f'headstart_run_end_timestamp_seconds{{{RUN},fingerprint="new"}}': "_x60 3600x100",
            NOTHING_DROPPED: "0x200",
        },
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "the collector has no room for it, which another alert says",
        {ENDED: "0x60 stale", NOTHING_DROPPED: "0x60 3x200"},
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "the collector is away, which another alert says",
        {ENDED: "0x60 stale", NOTHING_DROPPED: "0x60 stale"},
        at="2h",
    ),
    Case(
        "HeadstartAgentLost",
        "away for six minutes",
        {
            'headstart_host_up{store="s1",host="alpha"}': "1x4 0x20",
            'headstart_host_last_seen_timestamp_seconds{store="s1",host="alpha"}': "0+60x4 240x20",
        },
        at="11m",
        labels={**STORE, "host": "alpha"},
        says=(
            "The agent of alpha is away",
            "It has no stream to the collector. What it measures meanwhile is spooled on its disk.",
        ),
    ),
    Case(
        "HeadstartAgentLost",
        "a restart of three minutes",
        {
            'headstart_host_up{store="s1",host="alpha"}': "1x4 0x2 1x20",
            'headstart_host_last_seen_timestamp_seconds{store="s1",host="alpha"}': "0+60x30",
        },
        at="11m",
    ),
    Case(
        "HeadstartAgentLost",
        "a host that was drained before it was taken away for maintenance",
        {
            'headstart_host_up{store="s1",host="alpha"}': "1x4 0x20",
            'headstart_host_last_seen_timestamp_seconds{store="s1",host="alpha"}': "0+60x4 240x20",
            'headstart_host_takes_no_run{store="s1",host="alpha", reason="drained"}': "0x3 1x21",
        },
        at="11m",
    ),
    Case(
        "HeadstartAgentLost",
        "a machine that was taken away a week ago",
        {
            'headstart_host_up{store="s1",host="alpha"}': "0x30",
            'headstart_host_last_seen_timestamp_seconds{store="s1",host="alpha"}': f"-{7 * DAY}x30",
        },
        at="20m",
    ),
    Case(
        "HeadstartHostNotReady",
        "its disk is full",
        {
            'headstart_host_ready{store="s1",host="alpha"}': "1x5 0x60",
            'headstart_host_up{store="s1",host="alpha"}': "1x65",
        },
        at="15m",
        labels={**STORE, "host": "alpha"},
        says=(
            "alpha takes no runs",
            (
                "Its agent is connected and takes no runs, as when its disk is full: what is "
                "queued for it waits. `headstart status` says why."
            ),
        ),
    ),
    Case(
        "HeadstartHostNotReady",
        "it is away, or was full for a minute",
        {
            'headstart_host_ready{store="s1",host="alpha"}': "0x60",
            'headstart_host_up{store="s1",host="alpha"}': "0x60",
            'headstart_host_ready{store="s1",host="beta"}': "1x10 0 1x60",
            'headstart_host_up{store="s1",host="beta"}': "1x60",
        },
        at="30m",
    ),
    Case(
        "HeadstartHostTwin",
        "a copy of the machine asks again and again",
        {'headstart_host_twin{host="alpha"}': "0x5 1x60"},
        at="15m",
        labels={"host": "alpha"},
        says=(
            "Two agents ask to attend as alpha",
            (
                "One attends, the other is refused again and again and measures nothing, as after "
                "a machine was cloned. The collector's log says from where it comes."
            ),
        ),
    ),
    Case(
        "HeadstartHostTwin",
        "an agent came back before its end was known",
        {'headstart_host_twin{host="alpha"}': "0x8 1x2 0x60"},
        at="11m",
    ),
    Case(
        "HeadstartSpoolGrowing",
        "a mebibyte a minute while connected",
        {
            'headstart_host_spool_bytes{store="s1",host="alpha"}': f"{65 * MEBIBYTE}+{MEBIBYTE}x60",
            'headstart_host_up{store="s1",host="alpha"}': "1x60",
        },
        at="30m",
        labels={**STORE, "host": "alpha"},
        says=(
            "The spool of alpha grows",
            (
                "95MiB are not confirmed although the agent is connected. When the spool is "
                "full, samples are dropped, with a record of the gap."
            ),
        ),
    ),
    Case(
        "HeadstartSpoolGrowing",
        "large but shrinking",
        {
            'headstart_host_spool_bytes{store="s1",host="alpha"}': (
                f"{900 * MEBIBYTE}-{MEBIBYTE}x60"
            ),
            'headstart_host_up{store="s1",host="alpha"}': "1x60",
        },
        at="30m",
    ),
    Case(
        "HeadstartSpoolGrowing",
        "growing but small",
        {
            'headstart_host_spool_bytes{store="s1",host="alpha"}': f"0+{MEBIBYTE}x60",
            'headstart_host_up{store="s1",host="alpha"}': "1x60",
        },
        at="30m",
    ),
    Case(
        "HeadstartCollectorDown",
        "no collector is scraped any more",
        {INFO: "1x10 stale"},
        at="15m",
        says=(
            "No collector is scraped",
            (
                "Prometheus sees no Headstart collector: neither results nor the other alerts "
                "can be trusted until it does."
            ),
        ),
    ),
    Case(
        "HeadstartCollectorDown",
        "a collector is scraped",
        {INFO: "1x30"},
        at="15m",
    ),
    Case(
        "HeadstartStoreFaulty",
        "its disk is full",
        {FAULTY: "0x20 1x20"},
        at="25m",
        labels=COLLECTOR,
        says=(
            "The collector's store cannot be written or read",
            "Nothing is confirmed to agents, and their spools fill. Its /healthz says why.",
        ),
    ),
    Case(
        "HeadstartStoreFaulty",
        "it was full once",
        {FAULTY: "0x5 1x5 0x40"},
        at="25m",
    ),
    Case(
        "HeadstartStoreSlow",
        "a commit hangs",
        {SLOW: "0.01x20 30x20"},
        at="25m",
        labels=COLLECTOR,
        says=(
            "The disk of the collector's store is slow",
            (
                "A commit takes 30s. Agents are confirmed late and their spools grow; while one "
                "hangs, commands are refused."
            ),
        ),
    ),
    Case(
        "HeadstartStoreSlow",
        "most batches wait for two seconds",
        {
            SLOW: "2x40",
            of_collector("headstart_collector_commit_seconds_bucket", "le", "1.0"): "0x40",
            of_collector("headstart_collector_commit_seconds_bucket", "le", "2.5"): "0+60x40",
            of_collector("headstart_collector_commit_seconds_bucket", "le", "+Inf"): "0+60x40",
        },
        at="25m",
        labels=COLLECTOR,
        says=(
            "The disk of the collector's store is slow",
            (
                "A commit takes 2.35s. Agents are confirmed late and their spools grow; while one "
                "hangs, commands are refused."
            ),
        ),
    ),
    Case(
        "HeadstartStoreSlow",
        "it hung once, and commits are quick",
        {
            SLOW: "0.01x5 8x1 0.06x40",
            of_collector("headstart_collector_commit_seconds_bucket", "le", "0.1"): "0+60x40",
            of_collector("headstart_collector_commit_seconds_bucket", "le", "+Inf"): "0+60x40",
        },
        at="25m",
    ),
    Case(
        "HeadstartCollectorRefusing",
        "three refusals",
        {of_collector("headstart_collector_refused_total", "reason", "corrupt"): ("0x20 3x20")},
        at="25m",
        labels={**COLLECTOR, "reason": "corrupt"},
        says=(
            "The collector refuses what agents send: corrupt",
            "3 refusals in 10 minutes. Measurements may be missing.",
        ),
    ),
    Case(
        "HeadstartCollectorRefusing",
        "none, and some that were long ago",
        {
            of_collector("headstart_collector_refused_total", "reason", "gap"): ("0x40"),
            of_collector("headstart_collector_refused_total", "reason", "corrupt"): ("0x5 3x40"),
        },
        at="25m",
    ),
    Case(
        "HeadstartCallsDenied",
        "somebody tries sixty times",
        {of_collector("headstart_collector_denied_calls_total", "reason", "role"): "0x20 60x20"},
        at="25m",
        labels={**COLLECTOR, "reason": "role"},
        says=(
            "Many calls are denied: role",
            (
                "60 calls in 10 minutes by callers who may not make them. `headstart audit` says "
                "whose."
            ),
        ),
    ),
    Case(
        "HeadstartCallsDenied",
        "a revoked agent that waits for a new certificate, and what was long ago",
        {
            of_collector("headstart_collector_denied_calls_total", "reason", "revoked"): "0+1x40",
            of_collector("headstart_collector_denied_calls_total", "reason", "role"): "0x5 90x40",
        },
        at="25m",
    ),
    Case(
        "HeadstartRunsFailing",
        "two runs were lost",
        {of_collector("headstart_collector_runs_ended_total", "state", "lost"): ("0x60 2x30")},
        at="75m",
        labels={**COLLECTOR, "state": "lost"},
        says=(
            "Runs end as lost",
            "2 runs within 1 hour. Their experiments keep the results of the run before.",
        ),
    ),
    Case(
        "HeadstartRunsFailing",
        "a run is not whole",
        {of_collector("headstart_collector_runs_ended_total", "state", "incomplete"): "0x60 1x30"},
        at="75m",
        labels={**COLLECTOR, "state": "incomplete"},
        says=(
            "Runs end as incomplete",
            "1 runs within 1 hour. Their experiments keep the results of the run before.",
        ),
    ),
    Case(
        "HeadstartRunsFailing",
        "runs are done or cancelled",
        {
            of_collector("headstart_collector_runs_ended_total", "state", "done"): ("0+1x90"),
            of_collector("headstart_collector_runs_ended_total", "state", "cancelled"): ("0+1x90"),
            of_collector("headstart_collector_runs_ended_total", "state", "lost"): ("0x90"),
        },
        at="75m",
    ),
    Case(
        "HeadstartSeriesDropped",
        "above the cap",
        {of_collector("headstart_exposition_dropped_series", "reason", "cap"): ("120x20")},
        at="10m",
        labels={**COLLECTOR, "reason": "cap"},
        says=(
            "Series are not exposed: cap",
            (
                "120 series of results or hosts are missing from /metrics, so from dashboards "
                "and alerts too."
            ),
        ),
    ),
    Case(
        "HeadstartSeriesDropped",
        "nothing left out",
        {of_collector("headstart_exposition_dropped_series", "reason", "cap"): ("0x20")},
        at="10m",
    ),
)
