"""Cases of the alerts about collectors."""

from support.alert_cases.case import COLLECTOR, OF_COLLECTOR, Case, of_collector

FAULTY = f"headstart_collector_store_faulty{{{OF_COLLECTOR}}}"
SLOW = f"headstart_collector_store_commit_latest_seconds{{{OF_COLLECTOR}}}"
FAILURES = f"headstart_collector_analysis_failures_total{{{OF_COLLECTOR}}}"
ACTIVE, OTHER_ACTIVE, ALONE = (
    f'headstart_collector_active{{job="headstart",instance="{name}:9464",store="{store}"}}'
    for name, store in (("c", "s1"), ("d", "s1"), ("d", "s2"))
)
UP, OTHER_UP = (f'up{{job="headstart",instance="{name}:9464"}}' for name in "cd")
_BLIND = (
    "What it showed last counts no more: other alerts about its results, hosts and shifts are "
    "held back, and that they are silent says nothing. Agents go on and spool what they measure."
)
_ONE_LEFT = (
    "Agents, results and commands go on by the other one. If that one dies too, none takes over."
)
_NONE_ACTIVE = (
    "Those that are scraped stand by. Agents spool what they measure, nothing is judged, and "
    "commands that change something are refused."
)

CASES = (
    Case(
        "HeadstartCollectorDown",
        "one of two does not answer",
        {UP: "1x5 0x20", OTHER_UP: "1x30"},
        at="15m",
        labels={"job": "headstart", "instance": "c:9464"},
        says=("The collector c:9464 is down", f"Prometheus cannot scrape it. {_BLIND}"),
    ),
    Case(
        "HeadstartCollectorDown",
        "there is no target any more",
        {UP: "1x5 stale"},
        at="15m",
        labels={"job": "headstart"},
        says=(
            "No collector is scraped",
            f"Prometheus has no target of the job headstart. {_BLIND}",
        ),
    ),
    Case(
        "HeadstartCollectorDown",
        "both are scraped, one was restarted and another job is down",
        {UP: "1x5 0x0 1x30", OTHER_UP: "1x40", 'up{job="node",instance="c:9100"}': "0x40"},
        at="15m",
    ),
    Case(
        "HeadstartCollectorDown",
        "another one of its store is active",
        {UP: "1x5 0x20", OTHER_UP: "1x30", ACTIVE: "1x5 stale", OTHER_ACTIVE: "0x5 1x30"},
        at="15m",
    ),
    Case(
        "HeadstartCollectorDown",
        "another one of its store stands by and none is active",
        {UP: "1x5 0x20", OTHER_UP: "1x30", ACTIVE: "1x5 stale", OTHER_ACTIVE: "0x30"},
        at="15m",
        labels={"job": "headstart", "instance": "c:9464"},
        says=("The collector c:9464 is down", f"Prometheus cannot scrape it. {_BLIND}"),
    ),
    Case(
        "HeadstartStandbyDown",
        "the one that stood by died",
        {UP: "1x30", OTHER_UP: "1x5 0x20", ACTIVE: "1x30", OTHER_ACTIVE: "0x5 stale"},
        at="15m",
        labels={"job": "headstart", "instance": "d:9464"},
        says=(
            "The collector d:9464 is down; another one of its store is active",
            _ONE_LEFT,
        ),
    ),
    Case(
        "HeadstartStandbyDown",
        "each has a store of its own",
        {UP: "1x30", OTHER_UP: "1x5 0x20", ACTIVE: "1x30", ALONE: "1x5 stale"},
        at="15m",
    ),
    Case(
        "HeadstartNoActiveCollector",
        "both stand by",
        {ACTIVE: "1x5 0x20", OTHER_ACTIVE: "0x30"},
        at="15m",
        labels={"job": "headstart", "store": "s1"},
        says=(
            "No collector of the store s1 is the active one",
            _NONE_ACTIVE,
        ),
    ),
    Case(
        "HeadstartNoActiveCollector",
        "one took over from the other",
        {ACTIVE: "1x5 0x20", OTHER_ACTIVE: "0x5 1x30"},
        at="15m",
    ),
    Case(
        "HeadstartStoreFaulty",
        "its disk is full",
        {FAULTY: "0x20 1x20"},
        at="25m",
        labels=COLLECTOR,
        says=(
            "The store of the collector c:9464 cannot be written or read",
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
            "The disk of the store of the collector c:9464 is slow",
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
            "The disk of the store of the collector c:9464 is slow",
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
        "seven refusals, one of them before",
        {of_collector("headstart_collector_refused_total", "reason", "corrupt"): "1x17 7x20"},
        at="25m",
        labels={**COLLECTOR, "reason": "corrupt"},
        says=(
            "The collector c:9464 refuses what agents send: corrupt",
            "Refusals within 10 minutes: 6. Measurements may be missing.",
        ),
    ),
    Case(
        "HeadstartCollectorRefusing",
        "two since it was started anew",
        {of_collector("headstart_collector_refused_total", "reason", "corrupt"): "9x18 0x2 2x20"},
        at="25m",
        labels={**COLLECTOR, "reason": "corrupt"},
        says=(
            "The collector c:9464 refuses what agents send: corrupt",
            "Refusals within 10 minutes: 2. Measurements may be missing.",
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
                "Within 10 minutes: 60, by callers who may not make them. headstart audit says "
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
            (
                "Within 1 hour: 2. Where one has nothing to show, its experiment keeps the "
                "result of the run before. headstart status lists them."
            ),
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
            (
                "Within 1 hour: 1. Where one has nothing to show, its experiment keeps the "
                "result of the run before. headstart status lists them."
            ),
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
        "HeadstartAnalysisFailed",
        "of two runs",
        {FAILURES: "1x60 3x30"},
        at="75m",
        labels=COLLECTOR,
        says=(
            "Runs that ended could not be analysed",
            (
                "Within 6 hours: 3. They have no result, and boards show the run before. It is a "
                "fault of the collector, whose log says which; their records are kept."
            ),
        ),
    ),
    Case(
        "HeadstartAnalysisFailed",
        "of none, and of one yesterday",
        {FAILURES: "0x60 1x1400"},
        at="20h",
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
