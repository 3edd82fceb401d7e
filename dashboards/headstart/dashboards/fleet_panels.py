"""The tables and the timeline of "Fleet"."""

from headstart.dashboards.appearance import (
    BLUE,
    GREY,
    ORANGE,
    TITLES,
    UNITS,
    VERDICT_MAPPING,
    VIOLET,
)
from headstart.dashboards.board import list_legend, query
from headstart.dashboards.board_tables import Column, coloured, columns_table, linked
from headstart.dashboards.board_uids import RUN
from headstart.dashboards.joined_labels import with_cpu
from headstart.dashboards.sdk import common, models, statetimeline, table
from headstart.words.metric import Unit
from headstart.words.verdicts import Verdict

HOST = '{host=~"$host"}'
_OF_HOST = "max by (store, host)"

# What a host does, those first that need somebody.
_STATES = (
    ("away", ORANGE),
    ("not ready", ORANGE),
    ("drained", VIOLET),
    ("running", BLUE),
    ("idle", GREY),
)
_STATE_MAPPING = models.ValueMap(
    options={
        str(rank): models.ValueMappingResult(text=word, color=colour, index=rank)
        for rank, (word, colour) in enumerate(_STATES)
    }
)
_FIT_MAPPING = models.ValueMap(
    options={
        "0": models.ValueMappingResult(text="unfit", color=ORANGE),
        "1": models.ValueMappingResult(text="fit", color=BLUE),
    }
)

_NOT_TRIED = models.SpecialValueMap(
    options=models.DashboardSpecialValueMapOptions(
        match=models.SpecialValueMatch.NULL,
        result=models.ValueMappingResult(text="not tried", color="transparent"),
    )
)


def _states(by: str) -> str:
    """The rank of what each host does, in `_STATES`."""
    reason = 'headstart_host_takes_no_run{host=~"$host",reason='
    return " or ".join(
        f"{by} ({series} * 0 + {rank})"
        for rank, series in enumerate(
            (
                f"(headstart_host_up{HOST} == 0)",
                f'({reason}"not_ready"}} == 1)',
                f'({reason}"drained"}} == 1)',
                f"(headstart_host_busy{HOST} == 1)",
                f"(headstart_host_up{HOST} == 1)",
            )
        )
    )


def hosts() -> table.Panel:
    """A row for each host, those that need somebody first."""

    def value(title: str, series: str, width: int, **look: object) -> Column:
        return Column(title, f"{_OF_HOST} ({series})", width=width, look=look)

    info = ("cpu", "virtualisation", "kernel", "engine", "agent_version", "fingerprint")
    known = with_cpu(f"headstart_host_info{HOST}")
    return columns_table(
        "Hosts",
        "As their agents say, those that need somebody first. Fit: the last A/A run, which "
        "compares a variant with itself, found no difference. Findings of `headstart doctor` "
        "spoil measurements. Absolute figures are comparable within one fingerprint.",
        (
            Column("Host", label="host", look=linked(("Its runs", RUN, (("host", "Host"),)))),
            Column("State", _states(_OF_HOST), width=90, look=coloured(_STATE_MAPPING)),
            Column(
                "Fit",
                f"min by (store, host) (headstart_host_fit{HOST})",
                width=80,
                look={**coloured(_FIT_MAPPING), "mappings": [_FIT_MAPPING, _NOT_TRIED]},
            ),
            value("Waiting", f"headstart_host_runs_waiting{HOST}", 80),
            value("Bad findings", 'headstart_host_advice{host=~"$host",level="bad"}', 110),
            value("Warnings", 'headstart_host_advice{host=~"$host",level="warning"}', 90),
            value("Spool", f"headstart_host_spool_bytes{HOST}", 90, unit="decbytes"),
            value(
                "Last seen",
                f"headstart_host_last_seen_timestamp_seconds{HOST} * 1000",
                150,
                unit="dateTimeFromNow",
            ),
            Column("Agent", label="agent_version", width=80),
            Column(
                "CPU",
                f"max by (store, host, {', '.join(info)}) ({known})",
                "cpu",
                width=240,
            ),
            Column("Fingerprint", label="fingerprint", width=100),
            Column("Virtualisation", label="virtualisation", width=110),
            Column("Engine", label="engine", width=120),
            Column("Kernel", label="kernel", width=80),
        ),
        sort_by="State",
        no_value="No host has attended yet: headstart agent on it makes it known",
    )


def states_over_time() -> statetimeline.Panel:
    """What each host did."""
    return (
        statetimeline.Panel()
        .title("What hosts did")
        .description("Away, not ready, drained, running or idle, each host in a line.")
        .unit("none")
        .targets([query(_states("max by (host)"), "{{host}}")])
        .mappings([_STATE_MAPPING])
        .show_value(common.VisibilityMode.NEVER)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(80)
        .legend(list_legend())
        .no_value("No host in this time range")
    )


def differences_without_cause() -> table.Panel:
    """By which figures hosts are unfit."""
    verdicts = f'verdict=~"{Verdict.BETTER}|{Verdict.WORSE}"'
    key = "store, experiment, host, variant, metric"
    differ = (
        f'headstart_verdict{{host=~"$host",{verdicts}}} '
        "and on (store, experiment, host) headstart_host_fit == 0"
    )
    return columns_table(
        "Why hosts are unfit",
        "Figures in which an A/A run found one and the same program different from itself, and "
        "by how much. What else runs on the host, its governor or its disk may be why.",
        (
            Column("Host", label="host", width=80),
            Column("Experiment", label="experiment", width=130),
            Column("Metric", label="metric", look={"mappings": [TITLES]}),
            Column(
                "Called",
                f"max by ({key}, verdict) ({differ})",
                "verdict",
                width=80,
                look=coloured(VERDICT_MAPPING),
            ),
            Column(
                "Ratio",
                f'max by ({key}) (headstart_ratio{{host=~"$host",stat="center"}} '
                f"and on ({key}) {differ})",
                width=70,
                look={"decimals": 3},
            ),
        ),
        sort_by="Host",
        no_value="No A/A run found a difference where there is none",
        without=("variant",),
    )


def latest_runs() -> table.Panel:
    """A row for each experiment and host."""
    key = "store, experiment, host"
    return columns_table(
        "Latest runs",
        "The last that ended of each experiment on each host, newest first.",
        (
            Column(
                "Experiment",
                label="experiment",
                look=linked(("This run", RUN, (("experiment", "Experiment"), ("host", "Host")))),
            ),
            Column("Host", label="host", width=100),
            Column("Run", label="run_id", width=190),
            Column("Revision", label="revision", width=90),
            Column(
                "State",
                f"max by ({key}, run_id, revision, state) (headstart_run_info{HOST})",
                "state",
                width=90,
            ),
            Column("Trials", f"sum by ({key}) (headstart_trials{HOST})", width=80),
            Column("Invalid", f"sum by ({key}) (headstart_trials_invalid{HOST})", width=90),
            Column(
                "Took",
                f"max by ({key}) (headstart_run_duration_seconds{HOST})",
                width=90,
                look={"unit": UNITS[Unit.SECONDS], "decimals": 0},
            ),
            Column(
                "Ended",
                f"max by ({key}) (headstart_run_end_timestamp_seconds{HOST}) * 1000",
                width=120,
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="Ended",
        descending=True,
        no_value="No run has ended yet",
    )
