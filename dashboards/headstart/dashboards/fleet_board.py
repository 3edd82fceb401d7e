"""The dashboard "Fleet": which hosts there are, which can be used and believed, what waits."""

from headstart.dashboards.board import Board, variable
from headstart.dashboards.board_uids import FLEET
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.fleet_panels import (
    HOST,
    differences_without_cause,
    hosts,
    latest_runs,
    states_over_time,
)
from headstart.dashboards.panels import alerts, bars, lines
from headstart.dashboards.sdk import builder, models
from headstart.dashboards.single_numbers import number
from headstart.words.states import RunWord

# Eight of them, in one line.
_NUMBER_WIDTH = 3


def fleet(configuration: Configuration) -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        FLEET,
        "Headstart / Fleet",
        "Which hosts are there, which take runs, which can be believed, and what waits.",
    )
    board.builder.time("now-7d", "now").with_variable(
        variable("host", "Host", "label_values(headstart_host_up, host)")
    )
    for panel in (
        number("Hosts known", "Known to the collector.", f"count(headstart_host_up{HOST})"),
        number(
            "Ready",
            "Connected, and take runs.",
            f"sum(headstart_host_ready{HOST})",
        ),
        number("Busy", "Have a run.", f"sum(headstart_host_busy{HOST})"),
        number(
            "Away",
            "Known, and not connected.",
            f"count(headstart_host_up{HOST} == 0) or vector(0)",
            bad_from=1,
        ),
        number(
            "Unfit",
            "Their last A/A run found a difference of a variant with itself: verdicts from them "
            "are doubtful.",
            f"count(min by (store, host) (headstart_host_fit{HOST}) == 0) or vector(0)",
            bad_from=1,
        ),
        number(
            "Runs waiting",
            "In the queue, for a host that is free, or for one that comes back.",
            f'sum(headstart_collector_runs{{state="{RunWord.QUEUED}"}})',
        ),
        number(
            "Runs under way",
            "Leased by an agent.",
            f'sum(headstart_collector_runs{{state="{RunWord.LEASED}"}})',
        ),
        number(
            "Invalid trials",
            "Of all trials of the latest runs; the orange begins where an alert would, of one "
            "variant.",
            f"sum(headstart_trials_invalid{HOST}) / sum(headstart_trials{HOST})",
            unit="percentunit",
            bad_from=configuration.thresholds.invalid_share,
        ).no_value("no run"),
    ):
        board.add(panel, _NUMBER_WIDTH, 4)
    board.add(hosts(), 24, 9)
    board.add(
        alerts(
            "Alerts",
            "Of Headstart's rules, from Prometheus itself; silences are Alertmanager's.",
            "",
            "No alert is pending or firing",
        ),
        16,
        9,
    )
    board.add(differences_without_cause(), 8, 9)

    board.row("Over time")
    board.add(states_over_time(), 14, 8)
    board.add(
        lines(
            "Spool",
            "Records on hosts' disks that the collector has not confirmed. It grows while a host "
            "is away or the collector is slow.",
            "decbytes",
            f"max by (host) (headstart_host_spool_bytes{HOST})",
            "{{host}}",
        ),
        10,
        8,
    )

    board.row("Runs")
    board.add(latest_runs(), 16, 10)
    board.add(
        bars(
            "Runs ended",
            "In this time range, by how they ended.",
            "none",
            "sort_desc(round(sum by (state) "
            "(increase(headstart_collector_runs_ended_total[$__range]))))",
            "{{state}}",
            "No run ended",
        ),
        8,
        10,
    )
    return board.builder
