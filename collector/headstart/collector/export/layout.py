"""What an export holds: every column with its type, its unit and its definition.

docs/EXPORT.md is generated from here, and the files carry the same words in the metadata of
their columns. A column's name ends in its unit. A null always means: not measured.
"""

from dataclasses import dataclass
from enum import Enum

from headstart.collector.findings.starts import STAMPS
from headstart.v1.experiments_pb2 import ExportTable
from headstart.v1.records_pb2 import Quantity
from headstart.words import metrics
from headstart.words.enums import word
from headstart.words.runtimes import RUNTIMES


class Kind(Enum):
    """The type of a column's values."""

    TEXT = "text"
    TEXTS = "list of text"
    NUMBERS = "list of number"
    INTEGER = "integer"
    NUMBER = "number"
    TRUTH = "boolean"


@dataclass(frozen=True)
class Column:
    """One column; `unit` is empty where there is none."""

    name: str
    kind: Kind
    unit: str
    meaning: str


@dataclass(frozen=True)
class Table:
    """One kind of export."""

    name: str
    row: str
    columns: tuple[Column, ...]


def _text(name: str, meaning: str) -> Column:
    return Column(name, Kind.TEXT, "", meaning)


def _count(name: str, meaning: str, unit: str = "") -> Column:
    return Column(name, Kind.INTEGER, unit, meaning)


def _seconds(name: str, meaning: str) -> Column:
    return Column(name, Kind.NUMBER, "seconds", meaning)


def _share(name: str, meaning: str) -> Column:
    return Column(name, Kind.NUMBER, "ratio", meaning)


def _beside(name: str, meaning: str, unit: str = "") -> Column:
    return Column(f"beside_{name}", Kind.NUMBERS, unit, f"of each in `beside`: {meaning}")


def _truth(name: str, meaning: str) -> Column:
    return Column(name, Kind.TRUTH, "", meaning)


def _nanoseconds(name: str, meaning: str) -> Column:
    return _count(name, f"{meaning}, by CLOCK_MONOTONIC of the host", "nanoseconds")


COMMON = (
    _text("run_id", "the run"),
    _count("attempt", "the attempt at the run, from 1; only the last one is exported"),
    _text("experiment", "name of the experiment"),
    _text("revision", "what was built, as it was said at the submission; null: nothing was"),
    _text("host", "the host"),
    _text("fingerprint", "absolute figures are comparable within one fingerprint only"),
    _text("variant", "the variant"),
    _count("trial", "number of the trial within the attempt, from 1"),
    _count("block", "number of the block, from 1"),
    _truth(
        "startup_valid",
        "whether reports use its wall-clock times of startup; null: no correct response came",
    ),
    _truth(
        "load_valid",
        "whether reports use what comes from its load and after it; null: no load ran to its end",
    ),
    _truth("trial_valid", "whether reports use the rest of it; null: the trial has not ended"),
)

_TRIAL = (
    _count("position", "place within the block, from 1"),
    _text("baseline", "name of the variant that the others are compared with"),
    _truth("aa", "whether the run compares one variant with itself"),
    _text("run_state", "state of the run at the export, such as `done` or `leased` (it goes on)"),
    _text("kind", "`load`: load follows startup; `idle`: it is left alone; `batch`: jobs"),
    _text("outcome", "`measured`, `unfinished` (no end was recorded), or the code of the failure"),
    _text("failure_message", "what happened; null: nothing failed"),
    _count("exit_status", "of the app, where it ended too early"),
    _truth("answers_wrong", "whether it did other work than was asked for: never compared"),
    Column("flags", Kind.TEXTS, "", "codes of its marks, notes included; see METHODOLOGY.md"),
    _text("runtime", f"what ran it: {' or '.join(f'`{name}`' for name in RUNTIMES)}"),
    _text("digest", "of the image or, of a command, of its program and files"),
    _text("exec_stamp", "where exec was stamped: `gate`, `proc_connector` or `degraded`"),
    _seconds("began_unix_seconds", "when the trial began, in Unix time by the host's clock"),
    _nanoseconds("exec_monotonic_ns", "exec, from which startup counts"),
    _nanoseconds("first_response_monotonic_ns", "first correct response"),
    *(
        _seconds(f"start_{stamp.name}_seconds", f"{stamp.meaning}: since exec, below 0 before it")
        for stamp in STAMPS
    ),
    _count("start_connect_attempts", "connects that were tried before the first that succeeded"),
    _count("start_incorrect_responses", "answers before the first that was correct"),
    _count("start_log_lines", "of a worker: lines of its log up to the one that made it ready"),
    _count("start_log_bytes", "their size", "bytes"),
    _seconds("start_quiet_wait_seconds", "how long a quiet host was waited for"),
    _share("start_idle_share", "idle time of all CPUs in that time"),
    _seconds("start_run_delay_seconds", "it could run and did not, from exec to first response"),
    _seconds("start_prober_run_delay_seconds", "the same of the prober"),
    _seconds("start_cpu_resolution_seconds", "of `startup_cpu_seconds`"),
    _seconds("duration_seconds", "how long the trial was"),
    _count("checks_passed", "checks that it passed"),
    _count("checks_failed", "checks that it failed, a difference from the baseline included"),
    _count("samples", "samples that were taken"),
    _count("samples_missed", "slots of the sampler's grid that were missed"),
    _count("oom_kills", "processes that the kernel killed for want of memory while it lived on"),
    Column("beside", Kind.TEXTS, "", "names of the services that stood beside the app"),
    _beside(
        "ready_seconds",
        "how long it took from its making to ready; null: it stood there",
        "seconds",
    ),
    _beside("cpu_seconds", "its CPU time, which is no part of the app's", "seconds"),
    _beside("memory_bytes", "its memory at the end, page cache included", "bytes"),
    _beside("memory_peak_bytes", "the most of it, where the kernel tells", "bytes"),
    _beside("oom_kills", "processes killed for want of memory since it was made"),
    _text("load_driver", "what put it under load"),
    _text("load_shape", "course of its throughput, such as `flat` or `warmup`"),
    _count("load_connections", "connections of the load"),
    _seconds("load_seconds", "how long the load was"),
    _count("load_completed", "requests that were answered", "requests"),
    _count("load_incorrect", "of these, those with an answer that is not correct", "requests"),
    _count("load_failed", "requests that were not answered", "requests"),
    _text("load_first_fault", "what was wrong with the first of these two"),
    _count("load_driver_completed", "requests that the driver itself counted", "requests"),
    _count("load_bodies_checked", "answers held against all of their check", "requests"),
    _count("load_bodies_wrong", "of these, those that failed it", "requests"),
    _count("load_statuses_unread", "answers whose status the driver could not read", "requests"),
    _count("load_seconds_saturated", "seconds in which the driver used over 90 % of its cores"),
    Column(
        "load_rate_per_second",
        Kind.NUMBER,
        "requests/s",
        "the rate that was stated; null: a closed loop",
    ),
    _seconds("load_send_lateness_p99_seconds", "99th percentile of late sends; open loops alone"),
    _text("load_generator_cpus", "CPUs that the driver may use; null: any"),
    _count("load_generator_cores", "how many these are"),
    _seconds("load_generator_cpu_seconds", "CPU time of the driver"),
    _seconds("load_generator_run_delay_seconds", "the driver could run and did not"),
    _seconds("load_generator_run_delay_max_seconds", "most of it within any second"),
)

# The metrics that have a value for each trial.
METRICS = tuple(each for each in metrics.METRICS.values() if each.of_trials)

_WINDOW = (
    _count("window", "number of the window within the trial, from 1"),
    _seconds("begin_seconds", "its begin, since the load began"),
    _seconds("width_seconds", "how long it is"),
    _seconds("begin_since_exec_seconds", "its begin, since exec"),
    _nanoseconds("begin_monotonic_ns", "its begin"),
    _truth("whole_load", "whether the driver gives no series: this is the load as a whole"),
    _count("completed", "requests whose answer was complete within it", "requests"),
    _count("incorrect", "of these, those with an answer that is not correct", "requests"),
    _count("failed", "requests refused, reset or timed out", "requests"),
    _seconds("own_pause_seconds", "the longest time that the generator itself stood still"),
    _count("sent", "requests sent; null: the driver does not say", "requests"),
    _count("offered", "requests whose time had come; null: a closed loop", "requests"),
    _count(
        "received_bytes",
        "received; null: the driver does not say. `h2load` says it of the whole load: shared out "
        "by `completed`",
        "bytes",
    ),
    _text("latency_basis", "latency counts from `service_time` (the send) or `intended_send`"),
    _count("latency_count", "requests whose latency is known", "requests"),
    _seconds("latency_mean_seconds", "mean latency; null, as those below: no request"),
    _seconds("latency_p50_seconds", "median latency, to 0.4 %"),
    _seconds("latency_p90_seconds", "90th percentile of the latency, to 0.4 %"),
    _seconds("latency_p99_seconds", "99th percentile of the latency, to 0.4 %"),
    _seconds("latency_max_seconds", "longest latency"),
)

_SINCE_START = "cumulative"
_QUANTITIES = {
    Quantity.QUANTITY_RSS_BYTES: "resident set, sum over its processes",
    Quantity.QUANTITY_CPU_USER_US: f"CPU time in user mode of the living processes, {_SINCE_START}",
    Quantity.QUANTITY_CPU_SYSTEM_US: f"CPU time in the kernel of the living, {_SINCE_START}",
    Quantity.QUANTITY_THREADS: "threads",
    Quantity.QUANTITY_PROCESSES: "processes",
    Quantity.QUANTITY_CGROUP_MEMORY_BYTES: "memory of the control group, page cache included",
    Quantity.QUANTITY_CGROUP_CPU_US: f"CPU time of the control group, {_SINCE_START}",
    Quantity.QUANTITY_CGROUP_THROTTLED_US: f"time it was throttled, {_SINCE_START}",
    Quantity.QUANTITY_READ_BYTES: f"read from storage, {_SINCE_START}",
    Quantity.QUANTITY_WRITE_BYTES: f"written to storage, {_SINCE_START}",
    Quantity.QUANTITY_GENERATOR_CPU_US: f"CPU time of the load generator, {_SINCE_START}",
    Quantity.QUANTITY_HOST_BUSY_US: f"busy time of all CPUs of the host, {_SINCE_START}",
    Quantity.QUANTITY_HOST_STEAL_US: f"time that the hypervisor took, {_SINCE_START}",
}
# Column of each quantity: its name says the unit.
QUANTITY_NAMES = {quantity: word(Quantity, quantity) for quantity in _QUANTITIES}
_UNITS = {"us": "microseconds", "bytes": "bytes"}


def _sampled(quantity: Quantity.ValueType) -> Column:
    name = QUANTITY_NAMES[quantity]
    return _count(name, _QUANTITIES[quantity], _UNITS.get(name.rpartition("_")[2], ""))


TABLES = {
    ExportTable.EXPORT_TABLE_TRIALS: Table(
        "trials",
        "a trial",
        (
            *COMMON,
            *_TRIAL,
            *(Column(m.name, Kind.NUMBER, m.unit, m.description) for m in METRICS),
        ),
    ),
    ExportTable.EXPORT_TABLE_WINDOWS: Table("windows", "a window of load", (*COMMON, *_WINDOW)),
    ExportTable.EXPORT_TABLE_SAMPLES: Table(
        "samples",
        "a sample",
        (
            *COMMON,
            _seconds("since_exec_seconds", "when it was read; null: no exec was stamped"),
            _nanoseconds("monotonic_ns", "when it was read"),
            *map(_sampled, _QUANTITIES),
        ),
    ),
}
