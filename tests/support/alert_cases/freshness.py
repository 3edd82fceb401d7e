"""Cases of the alerts about results that are old or gone."""

from support.alert_cases.case import (
    COLLECTOR,
    DAY,
    ENDED,
    INFO,
    OF_COLLECTOR,
    RUN,
    WHERE,
    Case,
)

SERIES = "headstart_run_end_timestamp_seconds"
HERE = f'job="headstart",instance="c:9464",{RUN}'
SCRAPED = f"{SERIES}{{{HERE}}}"
ELSEWHERE = 'job="headstart",instance="d:9464",' + RUN.replace("s1", "s2")

CASES = (
    Case(
        "HeadstartResultsStale",
        "daily runs that stopped three days ago",
        {ENDED: f"-{6 * DAY}x14 -{5 * DAY}x14 -{4 * DAY}x14 -{3 * DAY}x30"},
        at="1h",
        labels=WHERE,
        says=(
            "players-api on alpha is no longer measured",
            (
                "Within the last 14 days it was run 3 times or more; its last run ended 3d 1h 0m "
                "0s ago. What runs it, such as cron, has stopped, or the host takes no runs."
            ),
        ),
    ),
    Case(
        "HeadstartResultsStale",
        "daily runs that were given up: it ends a week after the last one",
        {ENDED: f"-{10 * DAY}x14 -{9 * DAY}x14 -{8 * DAY}x14 -{7 * DAY}x30"},
        at="1h",
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
        {SCRAPED: "0x60 stale", INFO: "1x200"},
        at="2h",
        labels={**WHERE, **COLLECTOR},
        says=(
            "The results of players-api on alpha are gone",
            (
                "They were exposed less than 1 day ago, and their collector is up and shows them "
                "no more: was its store replaced, or retention set too short?"
            ),
        ),
    ),
    Case(
        "HeadstartResultsAbsent",
        "a result that is there",
        {SCRAPED: "0x200", INFO: "1x200"},
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "the same run on a host with another fingerprint",
        {
            f'{SERIES}{{{HERE},fingerprint="old"}}': "0x60 stale",
            f'{SERIES}{{{HERE},fingerprint="new"}}': "_x60 3600x100",
            INFO: "1x200",
        },
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "the collector is away, which another alert says",
        {SCRAPED: "0x60 stale", INFO: "1x60 stale"},
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "one of two collectors dies",
        {
            SCRAPED: "0x60 stale",
            'up{job="headstart",instance="c:9464"}': "1x60 0x200",
            INFO: "1x60 stale",
            'up{job="headstart",instance="d:9464"}': "1x260",
            'headstart_collector_info{job="headstart",instance="d:9464",store="s2"}': "1x260",
        },
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "it moved to another collector",
        {
            SCRAPED: "0x60 stale",
            f"{SERIES}{{{ELSEWHERE}}}": "_x60 3600x100",
            INFO: "1x200",
        },
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "there is no room for it",
        {
            SCRAPED: "0x60 stale",
            INFO: "1x200",
            f"headstart_exposition_dropped_results{{{OF_COLLECTOR}}}": "0x60 3x200",
        },
        at="2h",
    ),
    Case(
        "HeadstartResultsAbsent",
        "somebody made the collector forget it",
        {
            SCRAPED: "0x60 stale",
            INFO: "1x200",
            f"headstart_exposition_retired_results_total{{{OF_COLLECTOR}}}": "0x60 1x200",
        },
        at="2h",
    ),
    Case(
        "HeadstartResultsStale",
        "it goes on on another collector",
        {
            ENDED: f"-{6 * DAY}x14 -{5 * DAY}x14 -{4 * DAY}x14 -{3 * DAY}x30",
            f"{SERIES}{{{ELSEWHERE}}}": "0x90",
        },
        at="1h",
    ),
)
