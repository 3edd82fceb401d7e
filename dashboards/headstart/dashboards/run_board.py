"""The dashboard "One run": the latest run of one experiment on one host."""

from headstart.dashboards.bars import phases
from headstart.dashboards.board import Board, one_of
from headstart.dashboards.board_uids import RUN
from headstart.dashboards.configuration import Configuration
from headstart.dashboards.experiment_choice import DECIDED, experiment_with
from headstart.dashboards.gates_panel import gates
from headstart.dashboards.run_panels import (
    CHOSEN,
    THIS,
    break_even,
    start_chain,
    the_run,
    variants_of_run,
    warm_up,
    with_interval,
)
from headstart.dashboards.sdk import builder, models
from headstart.words import metrics

_NOT_MEASURED = "Nothing of it was measured in this run"
_NO_LOAD = "The run had no load, or nothing of it was measured"
_NO_JOB = "No job: not a batch program"


def one_run(configuration: Configuration) -> builder.Builder[models.Dashboard]:
    """Builds the dashboard."""
    board = Board(
        RUN,
        "Headstart / One run",
        "The latest run of one experiment on one host.",
    )
    board.builder.with_variable(experiment_with(DECIDED, all_runs=True)).with_variable(
        one_of("host", "Host", f"label_values(headstart_run_info{{{CHOSEN}}}, host)")
    )

    board.row("$experiment on $host")
    board.add(the_run(), 24, 4)
    board.add(variants_of_run(configuration.thresholds.invalid_share), 24, 7)

    board.add(gates(THIS), 24, 8)

    board.row("Start")
    board.add(
        with_interval(
            metrics.STARTUP,
            _NOT_MEASURED,
            {"CPU time": metrics.STARTUP_CPU, "Container engine": metrics.ENGINE_START},
        ),
        12,
        8,
    )
    board.add(start_chain(), 12, 8)

    board.row("Load")
    board.add(warm_up(), 12, 10)
    board.add(
        phases(
            "Throughput: first seconds and steady",
            "A JIT serves less until it has compiled: neither figure stands for the other.",
            {"1 first 5 s": metrics.THROUGHPUT_FIRST, "2 steady": metrics.THROUGHPUT_STEADY},
            THIS,
            _NO_LOAD,
        ),
        6,
        10,
    )
    board.add(
        phases(
            "Latency once steady",
            "Of the steady part of the load.",
            {"1 p50": metrics.LATENCY_P50, "2 p99": metrics.LATENCY_P99},
            THIS,
            _NO_LOAD,
        ),
        6,
        10,
    )
    board.add(
        with_interval(
            metrics.THROUGHPUT_STEADY,
            _NO_LOAD,
            {
                "First 5 s": metrics.THROUGHPUT_FIRST,
                "Time to steady": metrics.TIME_TO_STEADY,
                "Latency p50": metrics.LATENCY_P50,
                "Latency p99": metrics.LATENCY_P99,
                "CPU per request": metrics.LOAD_CPU,
                "Highest rate held": metrics.RATE_HELD,
            },
        ),
        24,
        7,
    )

    board.row("Memory")
    board.add(
        phases(
            "Memory by phase",
            "Resident set: the highest of startup and of load, the last of idle and settled.",
            {
                "1 startup": metrics.RSS_STARTUP,
                "2 idle": metrics.RSS_IDLE,
                "3 under load": metrics.RSS_LOAD,
                "4 settled": metrics.RSS_SETTLED,
            },
            THIS,
            _NOT_MEASURED,
        ),
        12,
        9,
    )
    board.add(
        with_interval(
            metrics.RSS_LOAD,
            _NOT_MEASURED,
            {"High water": metrics.MEMORY_HIGH_WATER, "Memory floor": metrics.MEMORY_FLOOR},
        ),
        12,
        9,
    )

    board.row("Jobs of a batch program, and whether a late start pays off")
    board.add(break_even(), 24, 6)
    board.add(
        with_interval(
            metrics.JOB,
            _NO_JOB,
            {
                "CPU time": metrics.JOB_CPU,
                "Memory": metrics.JOB_MEMORY,
                "One after another": metrics.JOBS_RATE,
            },
        ),
        12,
        7,
    )
    board.add(
        with_interval(
            metrics.LONG_JOB,
            _NO_JOB,
            {"CPU time": metrics.LONG_JOB_CPU, "Memory": metrics.LONG_JOB_MEMORY},
        ),
        12,
        7,
    )
    return board.builder
