"""The dashboard "Overview": the fleet, the latest runs, the alerts, the collector's health."""

from headstart.dashboards.board import Board, instant, query, table_legend, variable
from headstart.dashboards.board_tables import Column, columns_table, organize
from headstart.dashboards.board_uids import COMPARED, OVERVIEW
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.sdk import (
    builder,
    common,
    common_builders,
    dashboard,
    models,
    stat,
    table,
    timeseries,
)
from headstart.words.outcomes import Outcome
from headstart.words.states import RunWord
from headstart.words.verdicts import Decision, Verdict

# Only one's own collector; with several, those chosen.
_OWN = 'instance=~"$instance"'
# process_* and scrape_* exist for every target of a Prometheus: these are the collectors'.
_COLLECTORS = f"and on (job, instance) headstart_collector_info{{{_OWN}}}"

# Ten of them, in two lines.
_NUMBER_WIDTH = 4
_ORANGE = "semi-dark-orange"
_BLUE = "semi-dark-blue"


def overview(configuration: Configuration) -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        OVERVIEW,
        "Headstart / Overview",
        "Hosts, latest runs, alerts, and the health of the collector.",
    )
    board.builder.time("now-24h", "now").with_variable(
        variable("instance", "Collector", "label_values(headstart_collector_info, instance)")
    )

    board.row("Fleet")
    for panel in (
        _number("Hosts connected", "Agents that have a stream open.", "sum(headstart_host_up)"),
        _number(
            "Hosts away",
            "Hosts that are known and not connected.",
            "count(headstart_host_up) - sum(headstart_host_up)",
            bad_from=1,
        ),
        _number(
            "Experiments",
            "With a result.",
            "count(count by (store, experiment) (headstart_run_info))",
        ),
        _number(
            "Runs waiting",
            "For a host that is free.",
            f'sum(headstart_collector_runs{{{_OWN},state="{RunWord.QUEUED}"}})',
        ),
        _number(
            "Runs under way",
            "Leased by an agent.",
            f'sum(headstart_collector_runs{{{_OWN},state="{RunWord.LEASED}"}})',
        ),
        _number(
            "Variants that do not work",
            "Of latest runs: does not build, does not start or fails its checks.",
            f'count(headstart_variant_outcome{{outcome!="{Outcome.MEASURED}"}}) or vector(0)',
            bad_from=1,
        ),
        _number(
            "Variants rejected",
            "Of latest runs: they do not work, answer wrongly or miss a gate that was stated.",
            f'count(headstart_recommendation{{recommendation="{Decision.REJECT}"}}) or vector(0)',
            bad_from=1,
        ),
        _number(
            "Open regressions",
            "Figures that got worse over revisions and stayed so; Variants compared lists them.",
            f'count(headstart_shift_info{{change="{Verdict.WORSE}"}}) or vector(0)',
            bad_from=1,
        ),
        _number(
            "Invalid trials",
            "Of all trials of the latest runs.",
            "sum(headstart_trials_invalid) / sum(headstart_trials)",
            unit="percentunit",
            bad_from=configuration.thresholds.invalid_share,
        ),
        _number(
            "Alerts firing",
            "Of the rules that come with Headstart.",
            'count(ALERTS{alertname=~"Headstart.+",alertstate="firing"}) or vector(0)',
            bad_from=1,
        ),
    ):
        board.add(panel, _NUMBER_WIDTH, 4)
    board.add(_hosts(), 14, 9)
    board.add(_alerts(), 10, 9)

    board.row("Runs")
    board.add(_latest_runs(), 14, 9)
    board.add(
        _lines(
            "Runs ended",
            "Since the collector started counting, by how they ended.",
            "short",
            f"sum by (state) (increase(headstart_collector_runs_ended_total{{{_OWN}}}[1h]))",
            "{{state}}",
        ),
        10,
        9,
    )

    board.row("Collector")
    for lines in _health():
        board.add(lines, 8, 7)
    return board.builder


def _number(
    title: str, description: str, expr: str, *, unit: str = "none", bad_from: float | None = None
) -> stat.Panel:
    steps = [models.Threshold(value=None, color=_BLUE)]
    if bad_from is not None:
        steps.append(models.Threshold(value=bad_from, color=_ORANGE))
    return (
        stat.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets([query(expr)])
        .graph_mode(common.BigValueGraphMode.NONE)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    )


def _hosts() -> table.Panel:
    def value(title: str, series: str, **look: object) -> Column:
        return Column(title, f"max by (store, host) ({series})", look=look)

    connected = models.ValueMap(
        options={
            "1": models.ValueMappingResult(text="connected", color=_BLUE),
            "0": models.ValueMappingResult(text="away", color=_ORANGE),
        }
    )
    busy = models.ValueMap(
        options={
            "1": models.ValueMappingResult(text="running"),
            "0": models.ValueMappingResult(text="idle"),
        }
    )
    info = ("cpu_model", "virtualisation", "kernel", "engine", "agent_version", "fingerprint")
    return columns_table(
        "Hosts",
        "As their agents say. Bad findings make verdicts of a host doubtful: see "
        "`headstart doctor` there.",
        (
            Column("Host", label="host"),
            value(
                "State",
                "headstart_host_up",
                mappings=[connected],
                custom__cellOptions={"type": "color-text"},
            ),
            value("Doing", "headstart_host_busy", mappings=[busy]),
            value(
                "Last seen",
                "headstart_host_last_seen_timestamp_seconds * 1000",
                unit="dateTimeFromNow",
            ),
            value("Spool", "headstart_host_spool_bytes", unit="bytes"),
            value("Bad findings", 'headstart_host_advice{level="bad"}'),
            Column(
                "CPU",
                f"max by (store, host, {', '.join(info)}) (headstart_host_info)",
                "cpu_model",
            ),
            Column("Virtualisation", label="virtualisation"),
            Column("Kernel", label="kernel"),
            Column("Engine", label="engine"),
            Column("Agent", label="agent_version"),
            Column("Fingerprint", label="fingerprint"),
        ),
        sort_by="Host",
        descending=False,
    )


def _alerts() -> table.Panel:
    titles = {
        "alertname": "Alert",
        "alertstate": "State",
        "severity": "Severity",
        "experiment": "Experiment",
        "variant": "Variant",
        "host": "Host",
    }
    return (
        table.Panel()
        .title("Alerts")
        .description("Pending and firing, from Prometheus itself; silences are Alertmanager's.")
        .targets([instant(f'max by ({", ".join(titles)}) (ALERTS{{alertname=~"Headstart.+"}})')])
        .transformations([organize(titles, without=["Value"])])
        .unit("string")
        .no_value("No alert")
    )


def _latest_runs() -> table.Panel:
    link = (
        dashboard.DashboardLink("Compare the variants")
        .type(models.DashboardLinkType.LINK)
        .url(
            f"/d/{COMPARED}?var-experiment=${{__data.fields.Experiment}}"
            "&var-host=${__data.fields.Host}"
        )
        .build()
    )
    key = "store, experiment, host"
    return columns_table(
        "Latest runs",
        "One row an experiment and host. The experiment links to its comparison.",
        (
            Column(
                "Experiment",
                label="experiment",
                look={"links": [{"title": link.title, "url": link.url}]},
            ),
            Column("Host", label="host"),
            Column(
                "CPU",
                f"max by ({key}, cpu_model, revision, state) (headstart_run_info)",
                "cpu_model",
            ),
            Column("Revision", label="revision"),
            Column("State", label="state"),
            Column("Variants", f"count by ({key}) (headstart_trials)"),
            Column("Trials", f"sum by ({key}) (headstart_trials)"),
            Column("Invalid", f"sum by ({key}) (headstart_trials_invalid)"),
            Column(
                "Ended",
                f"max by ({key}) (headstart_run_end_timestamp_seconds) * 1000",
                look={"unit": "dateTimeFromNow"},
            ),
        ),
        sort_by="Ended",
        descending=True,
    )


def _lines(title: str, description: str, unit: str, *pairs: str) -> timeseries.Panel:
    """Lines over time; `pairs` are an expression and its legend, in turns."""
    targets = [
        query(expr, legend, chr(ord("A") + i))
        for i, (expr, legend) in enumerate(zip(pairs[::2], pairs[1::2], strict=True))
    ]
    return (
        timeseries.Panel()
        .title(title)
        .description(description)
        .unit(unit)
        .targets(targets)
        .fill_opacity(0)
        .axis_soft_min(0)
        .legend(table_legend())
        .tooltip(common_builders.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    )


def _health() -> tuple[timeseries.Panel, ...]:
    def quantile(q: float) -> str:
        buckets = f"headstart_collector_commit_seconds_bucket{{{_OWN}}}"
        return f"histogram_quantile({q}, sum by (le) (rate({buckets}[$__rate_interval])))"

    def rate(name: str) -> str:
        return f"sum(rate(headstart_collector_{name}{{{_OWN}}}[$__rate_interval]))"

    return (
        _lines(
            "Batches a second",
            "Record batches that became durable; duplicates are resent ones, and harmless.",
            "ops",
            rate("batches_total"),
            "durable",
            rate("duplicates_total"),
            "duplicate",
        ),
        _lines(
            "Commit latency",
            "From receipt of a batch until it was durable.",
            "s",
            quantile(0.5),
            "p50",
            quantile(0.99),
            "p99",
        ),
        _lines(
            "Refused",
            "What agents sent and the collector did not take: all of it is worth a look.",
            "ops",
            "sum by (reason) "
            f"(rate(headstart_collector_refused_total{{{_OWN}}}[$__rate_interval]))",
            "{{reason}}",
        ),
        _lines(
            "Spool on hosts",
            "Records on the hosts' disks that the collector has not confirmed.",
            "bytes",
            "headstart_host_spool_bytes",
            "{{host}}",
        ),
        _lines(
            "Streams",
            "Agents' streams that are open.",
            "none",
            f"headstart_collector_streams{{{_OWN}}}",
            "{{instance}}",
        ),
        _lines(
            "Analysis",
            "Mean time to analyse an ended run.",
            "s",
            f"{rate('analysis_seconds_sum')} / {rate('analysis_seconds_count')}",
            "mean",
        ),
        _lines(
            "Series exposed",
            "And those that were left out, which are missing here and in alerts.",
            "none",
            f"headstart_exposition_series{{{_OWN}}}",
            "exposed",
            f"sum(headstart_exposition_dropped_series{{{_OWN}}})",
            "left out",
        ),
        _lines(
            "Scrape",
            "Time that Prometheus needed.",
            "s",
            f"scrape_duration_seconds {_COLLECTORS}",
            "{{instance}}",
        ),
        _lines(
            "Collector's memory",
            "Resident set of the collector.",
            "bytes",
            f"process_resident_memory_bytes {_COLLECTORS}",
            "{{instance}}",
        ),
        _lines(
            "Collector's CPU",
            "In cores.",
            "none",
            f"rate(process_cpu_seconds_total[$__rate_interval]) {_COLLECTORS}",
            "{{instance}}",
        ),
    )
