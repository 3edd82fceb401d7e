"""The metrics that the collector exposes: their names, labels and meaning.

They are an interface that users' dashboards and alerts are built on; docs/adr/0042 says why they
have this shape. Beside the labels that are named here each series has `store`.
"""

from dataclasses import dataclass

from headstart.words.metrics import METRICS
from headstart.words.verdicts import Reason

# On every gauge of a run, so that a dashboard can filter by hardware without a join.
RUN_LABELS = ("experiment", "host", "fingerprint", "cpu_model")
_VARIANT_LABELS = (*RUN_LABELS, "variant")
# kind: max, min or margin; side: "at most" or "at least"; unit: that of value and limit.
_GATE_LABELS = (*_VARIANT_LABELS, "metric", "kind", "side", "unit")


@dataclass(frozen=True)
class Family:
    """One metric of the exposition; all of them are gauges."""

    name: str
    documentation: str
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One series: its family's name, its label values in the family's order, its value."""

    family: str
    labels: tuple[str, ...]
    value: float


CURVE = Family(
    "headstart_warmup_throughput_per_second",
    "Correct responses per second up to `elapsed` seconds after the first correct response, "
    "counted from the grid point before; median of the valid trials.",
    (*_VARIANT_LABELS, "elapsed"),
)

START_STAMP = Family(
    "headstart_start_stamp_seconds",
    "Moments of a start, from exec and below 0 before it; median of the valid trials. stamp: as in "
    "the starts of a report.",
    (*_VARIANT_LABELS, "stamp"),
)
BREAK_EVEN_INFO = Family(
    "headstart_break_even_info",
    "Always 1; whether who starts later (late) makes up for it against the other (early), and when "
    "(outcome). of: requests completed since exec, or jobs as they grow longer.",
    (*_VARIANT_LABELS, "of", "early", "late", "outcome"),
)
BREAK_EVEN = Family(
    "headstart_break_even_seconds",
    "From when on who starts later is no longer behind. of: requests, in seconds since exec; jobs, "
    "as the length of a job, which is what the early one takes for it. Absent: no such time.",
    (*_VARIANT_LABELS, "of"),
)

RESULT_FAMILIES = (
    *(
        Family(
            metric.series,
            f"{metric.title}. {metric.description} The center is the median.",
            (*_VARIANT_LABELS, "stat"),
        )
        for metric in METRICS.values()
    ),
    Family(
        "headstart_ratio",
        "The variant's metric over the baseline's. stat: center, ci_low, ci_high.",
        (*_VARIANT_LABELS, "metric", "stat"),
    ),
    Family(
        "headstart_verdict",
        "Always 1; `verdict` is the judgement that holds now against the baseline. basis: valid, "
        "bounded where disturbed trials count by how far they may be off, or flagged where too "
        "few counted and disturbed ones were taken in as measured.",
        (*_VARIANT_LABELS, "metric", "verdict", "basis"),
    ),
    Family(
        "headstart_variant_outcome",
        "Always 1; `outcome` is what became of the variant as a whole.",
        (*_VARIANT_LABELS, "outcome"),
    ),
    Family(
        "headstart_variant_info",
        "Always 1; how the variant is compiled, the digest that was measured, what its program "
        "was found to be (empty: not known), whether that contradicts how it is said to be "
        "compiled (yes, no), and the course of its throughput under load (shape; empty: no load).",
        (*_VARIANT_LABELS, "compilation", "digest", "binary_kind", "mislabelled", "shape"),
    ),
    Family(
        "headstart_recommendation",
        "Always 1; `recommendation` is proceed, defer or reject, and `reason` why, one of: "
        f"{', '.join(Reason)}. The baseline has none.",
        (*_VARIANT_LABELS, "recommendation", "reason"),
    ),
    Family(
        "headstart_gate_value",
        "What a gate is held against: the figure in `unit`, or where kind is margin the ratio to "
        "the baseline's. stat: center, ci_low, ci_high. Absent: not measured.",
        (*_GATE_LABELS, "stat"),
    ),
    Family(
        "headstart_gate_limit",
        "The gate's limit, in the terms of headstart_gate_value. outcome: pass, fail, undecided or "
        "not measured, by the whole interval. stated: no where nobody stated the gate, so that "
        "missing it rejects nothing.",
        (*_GATE_LABELS, "outcome", "stated"),
    ),
    Family("headstart_trials", "Trials of the variant, valid or not.", _VARIANT_LABELS),
    Family("headstart_trials_failed", "Trials that did not become ready.", _VARIANT_LABELS),
    Family(
        "headstart_trials_invalid",
        "Trials of which a figure was left out of verdicts, because something disturbed it.",
        _VARIANT_LABELS,
    ),
    Family("headstart_checks_passed", "Check outcomes that were right.", _VARIANT_LABELS),
    Family("headstart_checks_failed", "Check outcomes that were wrong.", _VARIANT_LABELS),
    Family(
        "headstart_run_info",
        "Always 1; slow facts of the latest run of an experiment on a host. No other series of a "
        "run has its id.",
        (*RUN_LABELS, "run_id", "baseline", "revision", "state"),
    ),
    Family("headstart_run_end_timestamp_seconds", "When the run ended, Unix time.", RUN_LABELS),
    Family("headstart_run_duration_seconds", "From the run's start to its end.", RUN_LABELS),
    Family(
        "headstart_host_fit",
        "Of A/A runs only (experiments ending in .aa): 1 where the same variant twice gave no "
        "verdict of difference, 0 where it did, and verdicts from the host are doubtful.",
        RUN_LABELS,
    ),
    Family("headstart_run_blocks", "Blocks that the run completed.", RUN_LABELS),
    START_STAMP,
    BREAK_EVEN_INFO,
    BREAK_EVEN,
    CURVE,
)

HOST_FAMILIES = (
    Family("headstart_host_up", "1 while the host's agent is connected.", ("host",)),
    Family(
        "headstart_host_ready",
        "1 while the host's agent is connected and takes runs; 0: `headstart status` says why.",
        ("host",),
    ),
    Family(
        "headstart_host_takes_no_run",
        "1 for each reason for which the host is given no run: drained (by an operator), not_ready "
        "(its agent says so) or not_connected.",
        ("host", "reason"),
    ),
    Family(
        "headstart_host_twin",
        "1 while another agent asks to attend as the host, as after a machine was cloned, and is "
        "refused.",
        ("host",),
    ),
    Family("headstart_host_busy", "1 while the host has a run.", ("host",)),
    Family(
        "headstart_host_runs_waiting",
        "Queued runs that wait for the host; one that several may have is the first one's.",
        ("host",),
    ),
    Family(
        "headstart_host_last_seen_timestamp_seconds",
        "When the host's agent was last heard of, Unix time.",
        ("host",),
    ),
    Family(
        "headstart_host_spool_bytes",
        "Records that the agent holds on disk and the collector has not confirmed.",
        ("host",),
    ),
    Family(
        "headstart_host_advice",
        "Findings about the host that spoil measurements, by level (see `headstart doctor`).",
        ("host", "level"),
    ),
    Family(
        "headstart_host_info",
        "Always 1; slow facts of a host.",
        (
            "host",
            "fingerprint",
            "cpu_model",
            "virtualisation",
            "kernel",
            "operating_system",
            "engine",
            "agent_version",
        ),
    ),
)

# A shift has a number in its store, so (store, shift) joins these. Labels of one do not change
# while it is open, but those of its info.
SHIFT_LABELS = (
    "shift",
    "experiment",
    "fingerprint",
    "cpu_model",
    "host",
    "variant",
    "metric",
    "unit",
    "change",
    "direction",
    "old_revision",
    "new_revision",
)

SHIFT_FAMILIES = (
    Family(
        "headstart_shift_ratio",
        "A lasting change of a figure's level over revisions that is open: new level over old. "
        "stat: center, ci_low, ci_high (none of a figure that does not vary). change: worse, "
        "better (for 30 days). direction: rose, fell. old_revision: the last of the old level, for "
        "the worse the last good one; new_revision: the first of the new level. host: where that "
        "one ran.",
        (*SHIFT_LABELS, "stat"),
    ),
    Family(
        "headstart_shift_level",
        "Both levels of an open shift, in `unit`: medians before it and since. level: old, new.",
        (*SHIFT_LABELS, "level"),
    ),
    Family(
        "headstart_shift_first_seen_timestamp_seconds",
        "When the shift was found, Unix time.",
        SHIFT_LABELS,
    ),
    Family(
        "headstart_shift_info",
        "Always 1; what may change while a shift is open. confirmation: none, rerun (old and new, "
        "run again in turns, differ), exact (the figure does not vary). old_run_id, new_run_id: "
        "the runs of the two revisions; rerun_run_id: the confirming run, empty where none was "
        "made.",
        (*SHIFT_LABELS, "confirmation", "old_run_id", "new_run_id", "rerun_run_id"),
    ),
)
