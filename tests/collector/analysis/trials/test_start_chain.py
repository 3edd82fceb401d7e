"""One start, stamp by stamp, and which start stands for a variant."""

from headstart.collector.analysis.trials.start_chain import chain_of, median_starts, start_of
from headstart.collector.findings.starts import STAMPS
from headstart.v1.records_pb2 import ExecStamp, Flag, FlagEffect, Startup, TrialOutcome

MS = 1_000_000
INVALID = FlagEffect.FLAG_EFFECT_STARTUP_INVALID


def started(
    trial: int, variant: str, startup_ms: int, flags: list[Flag] | None = None
) -> TrialOutcome:
    return TrialOutcome(
        trial=trial,
        block=trial,
        variant=variant,
        flags=flags or [],
        startup=Startup(
            exec_monotonic_ns=1_000 * MS,
            first_correct_response_monotonic_ns=(1_000 + startup_ms) * MS,
            exec_stamp=ExecStamp.EXEC_STAMP_GATE,
        ),
    )


def test_a_stamp_of_the_record_is_in_the_chain_and_each_of_the_chain_in_the_record() -> None:
    fields = {name for name in Startup.DESCRIPTOR.fields_by_name if name.endswith("_monotonic_ns")}

    assert {stamp.field for stamp in STAMPS} == fields


def test_a_chain_counts_from_the_exec_that_counts_and_leaves_out_what_was_not_seen() -> None:
    startup = Startup(
        create_monotonic_ns=600 * MS,
        exec_monotonic_ns=1_000 * MS,
        exec_kernel_monotonic_ns=1_002 * MS,
        connected_monotonic_ns=1_030 * MS,
        exec_stamp=ExecStamp.EXEC_STAMP_GATE,
    )
    by_gate = chain_of(startup)
    startup.exec_stamp = ExecStamp.EXEC_STAMP_PROC_CONNECTOR
    by_kernel = chain_of(startup)

    assert by_gate == {"create": -0.4, "exec": 0.0, "exec_kernel": 0.002, "connected": 0.03}
    assert by_kernel["exec_kernel"] == 0.0
    assert by_kernel["connected"] == 0.028
    assert chain_of(Startup(create_monotonic_ns=5)) == {}


def test_what_was_not_measured_is_absent_and_not_0() -> None:
    outcome = started(1, "aot", 29)
    outcome.startup.idle_share = -1.0
    start = start_of(outcome)

    assert start is not None
    assert start.idle_share is None
    assert start_of(TrialOutcome(trial=2, variant="aot")) is None


def test_the_median_of_those_that_count_stands_for_a_variant() -> None:
    disturbed = [Flag(code="server-run-delay", effect=INVALID)]
    outcomes = [
        started(1, "jit", 300),
        started(2, "jit", 280),
        started(3, "jit", 290),
        started(4, "jit", 100, disturbed),
        started(5, "jit", 310),
        started(6, "aot", 50, disturbed),
        TrialOutcome(trial=7, variant="broken"),
    ]
    jit, aot = median_starts(["jit", "aot", "broken"], outcomes)

    # Of 280, 290, 300, 310: a start that was, not the mean of two.
    assert (jit.trial, jit.stamps["first_correct_response"], jit.valid) == (3, 0.29, True)
    assert (aot.trial, aot.valid) == (6, False)
