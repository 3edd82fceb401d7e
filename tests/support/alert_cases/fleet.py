"""Cases of the alerts about hosts."""

from support.alert_cases.case import DAY, STORE, Case

AA = 'store="s1",experiment="players-api.aa",host="alpha"'
AA_ENDED = f"headstart_run_end_timestamp_seconds{{{AA}}}"
MEBIBYTE = 1 << 20

CASES = (
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
        {f"headstart_host_fit{{{AA}}}": "0x5 1x20", AA_ENDED: "0x5 300x20"},
        at="15m",
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
            (
                "It has no stream to the collector. What it measures meanwhile is spooled on its "
                "disk; runs that are queued for it wait."
            ),
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
                "queued for it waits. headstart host show alpha says why."
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
        {'headstart_host_twin{store="s1",host="alpha"}': "0x5 1x60"},
        at="15m",
        labels={**STORE, "host": "alpha"},
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
        {'headstart_host_twin{store="s1",host="alpha"}': "0x8 1x2 0x60"},
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
        "HeadstartAgentLost",
        "it moved to another collector",
        {
            'headstart_host_up{store="s1",host="alpha"}': "1x4 0x30",
            'headstart_host_last_seen_timestamp_seconds{store="s1",host="alpha"}': "0+60x4 240x30",
            'headstart_host_up{store="s2",host="alpha"}': "_x5 1x30",
            'headstart_host_last_seen_timestamp_seconds{store="s2",host="alpha"}': "_x5 300+60x30",
        },
        at="25m",
    ),
    Case(
        "HeadstartAgentLost",
        "it moved to another collector hours ago",
        {
            'headstart_host_up{store="s1",host="alpha"}': "1x4 0x400",
            'headstart_host_last_seen_timestamp_seconds{store="s1",host="alpha"}': (
                "0+60x4 240x400"
            ),
            'headstart_host_up{store="s2",host="alpha"}': "_x5 1x400",
        },
        at="6h",
    ),
)
