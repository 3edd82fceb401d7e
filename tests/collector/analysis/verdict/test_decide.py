from dataclasses import replace

import pytest

from headstart.collector.analysis.verdict.decide import confidence_of, decide_blocks
from headstart.collector.findings import (
    GateLimit,
    GateOutcome,
    GateStatus,
    RunResult,
    Verdict,
)
from headstart.v1.experiment_pb2 import Plan
from headstart.words import metrics
from headstart.words.verdicts import LimitKind
from support.fake_runs import small

AUTO = Plan(maximum_blocks=30)
DECIDED = small(blocks=10).result()
UNDECIDED = replace(
    DECIDED,
    comparisons=tuple(replace(c, verdict=Verdict.INCONCLUSIVE) for c in DECIDED.comparisons),
)
NOTHING = replace(
    DECIDED,
    comparisons=tuple(replace(c, verdict=Verdict.UNAVAILABLE) for c in DECIDED.comparisons),
)


@pytest.mark.parametrize(
    ("result", "blocks", "another"),
    [
        (DECIDED, 1, True),
        (DECIDED, 5, True),
        (DECIDED, 9, True),
        (DECIDED, 10, False),
        (DECIDED, 12, True),
        (UNDECIDED, 10, True),
        (UNDECIDED, 20, True),
        (UNDECIDED, 30, False),
        (NOTHING, 4, True),
        (NOTHING, 5, False),
    ],
)
def test_a_run_goes_on_until_a_look_finds_it_decided(
    result: RunResult, blocks: int, another: bool
) -> None:
    decision, reason = decide_blocks(replace(result, blocks_completed=blocks), AUTO)

    assert decision is another
    assert reason


def test_the_reason_names_what_is_undecided() -> None:
    _, reason = decide_blocks(replace(UNDECIDED, blocks_completed=15), AUTO)

    assert "aot startup_seconds" in reason


def gated(status: GateStatus, more_blocks: int | None) -> RunResult:
    limit = GateLimit(metrics.RSS_LOAD.name, LimitKind.MAX, 50e6)
    gate = GateOutcome("aot", limit, status, 49e6, None, 4, "", more_blocks=more_blocks)
    return replace(DECIDED, gate_outcomes=(gate,))


@pytest.mark.parametrize(
    ("result", "another"),
    [
        (gated(GateStatus.UNDECIDED, 3), True),
        # On its limit: no number of blocks is promised to settle it.
        (gated(GateStatus.UNDECIDED, None), False),
        (gated(GateStatus.PASSED, None), False),
        (gated(GateStatus.FAILED, None), False),
        (gated(GateStatus.NOT_MEASURED, None), False),
    ],
)
def test_a_run_goes_on_for_a_gate_that_more_blocks_would_decide(
    result: RunResult, another: bool
) -> None:
    """A limit takes five trials and a verdict three blocks: decided verdicts are not enough."""
    decision, reason = decide_blocks(replace(result, blocks_completed=10), AUTO)

    assert decision is another
    assert ("aot rss_load_bytes" in reason) is another


def test_a_smaller_cap_holds_between_looks() -> None:
    plan = Plan(maximum_blocks=7)

    assert decide_blocks(replace(UNDECIDED, blocks_completed=6), plan)[0]
    assert not decide_blocks(replace(UNDECIDED, blocks_completed=7), plan)[0]


def test_a_fixed_plan_runs_its_blocks() -> None:
    plan = Plan(blocks=12)

    assert decide_blocks(replace(DECIDED, blocks_completed=11), plan)[0]
    assert not decide_blocks(replace(DECIDED, blocks_completed=12), plan)[0]


def test_repeated_looks_share_the_error_budget() -> None:
    assert confidence_of(Plan(blocks=10)) == 0.95
    assert confidence_of(AUTO) == pytest.approx(0.9875)


def test_a_worst_case_that_more_blocks_cannot_settle_does_not_keep_a_run_going() -> None:
    """And the reason, which the report shows, says what stays open."""
    result = replace(
        UNDECIDED,
        blocks_completed=10,
        comparisons=tuple(replace(c, more_blocks_settle=False) for c in UNDECIDED.comparisons),
    )

    another, reason = decide_blocks(result, AUTO)

    assert not another
    assert "do not settle what is open" in reason
    assert "aot startup_seconds" in reason
