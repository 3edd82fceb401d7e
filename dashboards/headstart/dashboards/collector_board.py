"""The dashboard "Collector": whether it takes, keeps, judges and shows what comes."""

from headstart.dashboards.board import Board, variable
from headstart.dashboards.board_uids import COLLECTOR
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.panels import alerts, lines
from headstart.dashboards.sdk import builder, models, timeseries
from headstart.dashboards.single_numbers import number
from headstart.words.states import RunWord

_OWN = 'instance=~"$instance"'
# process_* and scrape_* exist for every target of a Prometheus: these are the collectors'.
_COLLECTORS = f"and on (job, instance) headstart_collector_info{{{_OWN}}}"
# What is left out for want of room; detail that was asked for and has none is no trouble.
_LEFT_OUT = f'headstart_exposition_dropped_series{{{_OWN},reason!="detail"}}'


def collector(configuration: Configuration) -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        COLLECTOR,
        "Headstart / Collector",
        "Does the collector take, keep, judge and show what comes?",
    )
    board.builder.time("now-24h", "now").with_variable(
        variable("instance", "Collector", "label_values(headstart_collector_info, instance)")
    )
    limits = configuration.thresholds
    for panel in (
        number(
            "Store",
            "Whether what was last taken could be stored, and all of the store can be read.",
            f"max(headstart_collector_store_faulty{{{_OWN}}})",
            bad_from=1,
        )
        .mappings([_WELL])
        .no_value("no collector"),
        number(
            "Latest commit",
            "What the commit under way has taken so far, or the last one took.",
            f"max(headstart_collector_store_commit_latest_seconds{{{_OWN}}})",
            unit="s",
            bad_from=limits.commit_hangs.seconds,
        ),
        number(
            "Open streams",
            "Agents' streams that are open.",
            f"sum(headstart_collector_streams{{{_OWN}}})",
        ),
        number(
            "Runs waiting",
            "In the queue.",
            f'sum(headstart_collector_runs{{{_OWN},state="{RunWord.QUEUED}"}})',
        ),
        number(
            "Not analysed",
            "Runs that ended in this time range and could not be analysed: a fault of the "
            "collector.",
            f"sum(increase(headstart_collector_analysis_failures_total{{{_OWN}}}[$__range]))",
            bad_from=1,
        ).decimals(0),
        number(
            "Series left out",
            "Of results, hosts and shifts: missing from boards and alerts.",
            f"sum({_LEFT_OUT})",
            bad_from=1,
        ),
        number(
            "Room for series",
            "Series that are exposed, as a share of --metrics-series.",
            f"max(headstart_exposition_series{{{_OWN}}} "
            f"/ headstart_exposition_maximum_series{{{_OWN}}})",
            unit="percentunit",
        ).decimals(1),
        number(
            "Certificate ends",
            "The collector's own.",
            f"min(headstart_collector_certificate_end_time_seconds{{{_OWN}}}) * 1000",
            unit="dateTimeFromNow",
        ).mappings([_NO_TLS]),
    ):
        board.add(panel, 3, 4)
    board.add(
        alerts(
            "Alerts about collectors",
            "Of Headstart's rules, from Prometheus itself; silences are Alertmanager's.",
            ',about="collector"',
            "No alert about a collector is pending or firing",
        ),
        24,
        4,
    )
    for title, graphs in (
        ("Taken and kept", _taken()),
        ("Who calls", _callers()),
        ("Judged and shown", _shown()),
    ):
        board.row(title)
        for graph in graphs:
            board.add(graph, 8, 7)
    return board.builder


_WELL = models.ValueMap(
    options={
        "0": models.ValueMappingResult(text="well"),
        "1": models.ValueMappingResult(text="faulty"),
    }
)

_NO_TLS = models.ValueMap(options={"0": models.ValueMappingResult(text="no TLS")})


def _rate(name: str, by: str = "") -> str:
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate(headstart_collector_{name}{{{_OWN}}}[$__rate_interval]))"


def _commit(q: float) -> str:
    return f"histogram_quantile({q}, {_rate('commit_seconds_bucket', 'le')})"


def _taken() -> tuple[timeseries.Panel, ...]:
    return (
        lines(
            "Batches a second",
            "Record batches that became durable; duplicates are resent ones, and harmless.",
            "ops",
            _rate("batches_total"),
            "durable",
            _rate("duplicates_total"),
            "duplicate",
        ),
        lines(
            "Bytes a second",
            "Payload that became durable.",
            "Bps",
            _rate("received_bytes_total"),
            "payload",
        ),
        lines(
            "Commit latency",
            "From receipt of a batch until it was durable.",
            "s",
            _commit(0.5),
            "p50",
            _commit(0.99),
            "p99",
        ),
        lines(
            "Refused",
            "What agents sent and the collector did not take, by reason: all of it is worth a "
            "look.",
            "ops",
            _rate("refused_total", "reason"),
            "{{reason}}",
        ).no_value("Nothing was refused"),
        lines(
            "Streams",
            "Agents' streams that are open.",
            "none",
            f"headstart_collector_streams{{{_OWN}}}",
            "{{instance}}",
        ),
        lines(
            "Set back",
            "Streams begun anew since an agent's spool and this store did not hold the same, and "
            "records that this store forgot: after a restored backup, or a cloned machine.",
            "ops",
            _rate("streams_replaced_total"),
            "streams replaced",
            _rate("store_set_back_total"),
            "store set back",
        ).axis_soft_max(1),
    )


def _callers() -> tuple[timeseries.Panel, ...]:
    return (
        lines(
            "Calls denied",
            "To callers who may not make them, by reason; headstart audit says whose.",
            "ops",
            _rate("denied_calls_total", "reason"),
            "{{reason}}",
        ).no_value("No call was denied"),
        lines(
            "Connections dropped",
            "Of strangers, by door and reason.",
            "ops",
            _rate("dropped_connections_total", "door, reason"),
            "{{door}}: {{reason}}",
        ).no_value("No connection was dropped"),
        lines(
            "TLS",
            "Handshakes that began, and connections that came through and made a call.",
            "ops",
            _rate("tls_handshakes_total"),
            "handshakes",
            _rate("tls_callers_total"),
            "callers",
        ).axis_soft_max(1),
    )


def _shown() -> tuple[timeseries.Panel, ...]:
    return (
        lines(
            "Analysis",
            "Mean time to analyse an ended run.",
            "s",
            f"{_rate('analysis_seconds_sum')} / {_rate('analysis_seconds_count')}",
            "mean",
        ).no_value("No run was analysed"),
        lines(
            "Series exposed",
            "Those of results, hosts and shifts, and what was left out, which is missing here and "
            "in alerts.",
            "none",
            f"sum(headstart_exposition_series{{{_OWN}}})",
            "exposed",
            f"sum({_LEFT_OUT})",
            "left out",
        ),
        lines(
            "Scrape",
            "Time that Prometheus needed, and that the latest change took to render.",
            "s",
            f"scrape_duration_seconds {_COLLECTORS}",
            "scrape",
            f"headstart_exposition_build_seconds{{{_OWN}}}",
            "render",
        ),
        lines(
            "Memory",
            "Resident set of the collector.",
            "decbytes",
            f"process_resident_memory_bytes {_COLLECTORS}",
            "{{instance}}",
        ),
        lines(
            "CPU",
            "In cores.",
            "none",
            f"rate(process_cpu_seconds_total[$__rate_interval]) {_COLLECTORS}",
            "{{instance}}",
        ),
        lines(
            "Runs in hand",
            "That have not ended.",
            "none",
            f"sum by (state) (headstart_collector_runs{{{_OWN}}})",
            "{{state}}",
        ),
    )
