"""Floors in a result: a verdict only where the brackets leave no other."""

import pytest

from headstart.collector.analysis.analyse import analyse_run
from headstart.collector.findings import Interval, RunResult, Verdict
from headstart.v1.records_pb2 import MemoryFloor, MemoryFloorStep, Record
from headstart.words import metrics
from support.fake_runs import small

FLOOR = metrics.MEMORY_FLOOR.name


MIB = 1 << 20


def result_with(*floors: MemoryFloor) -> RunResult:
    fake = small(blocks=3)
    others = [r for r in fake.records() if r.WhichOneof("record") != "memory_floor"]
    return analyse_run(fake.info(), [*others, *(Record(memory_floor=f) for f in floors)])


def floor(variant: str, fails_mib: float, serves_mib: float, reason: str = "") -> MemoryFloor:
    return MemoryFloor(
        variant=variant,
        fails_bytes=round(fails_mib * MIB),
        serves_bytes=round(serves_mib * MIB),
        reason=reason,
        steps=[MemoryFloorStep(limit_bytes=0, serves=True, startup_seconds=0.1)],
    )


@pytest.mark.parametrize(
    ("jit", "aot", "verdict"),
    [
        ((40, 41), (11, 12), Verdict.BETTER),
        ((11, 12), (40, 41), Verdict.WORSE),
        ((200, 203), (199, 202), Verdict.EQUIVALENT),
        ((11, 12), (10, 11), Verdict.INCONCLUSIVE),
        # No engine grants less than what both serve at.
        ((0, 6), (0, 6), Verdict.EQUIVALENT),
        ((0, 6), (7, 8), Verdict.WORSE),
    ],
)
def test_the_verdict_holds_wherever_in_their_brackets_the_floors_lie(
    jit: tuple[float, float], aot: tuple[float, float], verdict: Verdict
) -> None:
    result = result_with(floor("jit", *jit), floor("aot", *aot))

    comparison = result.comparison(FLOOR, "aot")
    assert comparison is not None
    assert comparison.verdict is verdict
    assert comparison.ratio == pytest.approx(aot[1] / jit[1])
    assert comparison.interval is not None
    assert comparison.ratio is not None
    assert comparison.interval.low <= comparison.ratio <= comparison.interval.high
    assert bool(comparison.reason) is (verdict is Verdict.INCONCLUSIVE)


def test_the_figure_is_what_one_would_have_to_grant_with_its_bracket() -> None:
    figure = result_with(floor("jit", 40, 41)).figure(FLOOR, "jit")

    assert figure is not None
    assert figure.center == 41 * MIB
    assert figure.interval == Interval(40 * MIB, 41 * MIB)


def test_a_variant_without_a_floor_cannot_be_compared_and_says_why() -> None:
    result = result_with(
        floor("jit", 40, 41), MemoryFloor(variant="aot", reason="limits do not hold here")
    )

    comparison = result.comparison(FLOOR, "aot")
    assert comparison is not None
    assert comparison.verdict is Verdict.UNAVAILABLE
    assert "aot has no memory floor: limits do not hold here." in result.remarks


def test_a_floor_that_is_less_exact_than_asked_for_is_remarked_on() -> None:
    result = result_with(floor("jit", 40, 41, reason="its 600 s were over"))

    assert "Memory floor of jit: its 600 s were over." in result.remarks


def test_without_a_search_there_is_neither_figure_nor_comparison() -> None:
    result = result_with()

    assert result.memory.floors == ()
    assert result.figure(FLOOR, "jit") is None
    assert result.comparison(FLOOR, "aot") is None


def test_steps_are_kept_in_their_order() -> None:
    searched = floor("jit", 40, 41)
    searched.steps.add(limit_bytes=40 * MIB, serves=False, reason="killed")

    (found,) = result_with(searched).memory.floors

    assert [step.limit_bytes for step in found.steps] == [0, 40 * MIB]
    assert [step.startup_seconds for step in found.steps] == [pytest.approx(0.1), None]
