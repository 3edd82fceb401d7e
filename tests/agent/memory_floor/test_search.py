"""The search: where the limit lies, whatever noise says, in a bounded number of probes."""

from collections import Counter
from collections.abc import Callable

import pytest

from headstart.agent.memory_floor.search import (
    MAXIMUM_PROBES,
    RESOLUTION_SHARE,
    SMALLEST_BYTES,
    CannotProbe,
    Settings,
    find_floor,
)
from headstart.v1.records_pb2 import FailureCode, MemoryFloor, MemoryFloorStep

MEBIBYTE = 1 << 20
OUT_OF_MEMORY = FailureCode.FAILURE_CODE_OUT_OF_MEMORY
ENGINE = FailureCode.FAILURE_CODE_ENGINE


class App:
    """Serves from `needs` bytes on; `odd` may say otherwise of the n-th probe of a limit."""

    def __init__(
        self,
        needs: int,
        used: int,
        failure: FailureCode.ValueType = OUT_OF_MEMORY,
        odd: Callable[[int, int], bool | None] = lambda _limit, _time: None,
    ) -> None:
        self.needs = needs
        self.used = used
        self.failure = failure
        self.odd = odd
        self.asked: Counter[int] = Counter()

    def __call__(self, limit_bytes: int) -> MemoryFloorStep:
        self.asked[limit_bytes] += 1
        serves = limit_bytes == 0 or limit_bytes >= self.needs
        said = self.odd(limit_bytes, self.asked[limit_bytes])
        serves = serves if said is None else said
        return MemoryFloorStep(
            limit_bytes=limit_bytes,
            serves=serves,
            failure=FailureCode.FAILURE_CODE_UNSPECIFIED if serves else self.failure,
            reason="" if serves else "it was killed",
            throughput_per_second=1000.0,
            cgroup_peak_bytes=self.used,
        )


def search(app: App, ceiling: int = 0, over: Callable[[], str] = lambda: "") -> MemoryFloor:
    return find_floor("app", app, Settings(MEBIBYTE, ceiling, over))


@pytest.mark.parametrize("needs_mib", [1, 6, 6.5, 7, 23.4, 64, 187, 1000.1])
@pytest.mark.parametrize("used_per_need", [0.3, 1.0, 1.7, 9.0])
def test_the_bracket_holds_the_truth_within_the_resolution(
    needs_mib: float, used_per_need: float
) -> None:
    needs = round(needs_mib * MEBIBYTE)
    app = App(needs, round(needs * used_per_need))

    floor = search(app)

    assert floor.reason == ""
    assert floor.fails_bytes < max(needs, SMALLEST_BYTES) <= floor.serves_bytes
    width = floor.serves_bytes - max(floor.fails_bytes, SMALLEST_BYTES - MEBIBYTE)
    assert width <= max(MEBIBYTE, RESOLUTION_SHARE * floor.serves_bytes)
    assert len(floor.steps) <= 17
    assert floor.reference_throughput_per_second == pytest.approx(1000.0)


def test_what_serves_at_the_smallest_limit_has_no_lower_end() -> None:
    floor = search(App(MEBIBYTE, 2 * MEBIBYTE))

    assert (floor.serves_bytes, floor.fails_bytes) == (SMALLEST_BYTES, 0)


def test_the_floor_served_twice() -> None:
    app = App(40 * MEBIBYTE, 50 * MEBIBYTE)

    floor = search(app)

    assert app.asked[floor.serves_bytes] == 2


def test_a_limit_that_served_once_by_luck_is_not_the_floor() -> None:
    """Just below the need it serves the first time it is asked, and never again."""
    needs = 40 * MEBIBYTE
    app = App(
        needs,
        50 * MEBIBYTE,
        odd=lambda limit, time: True if time == 1 and needs * 0.7 < limit < needs else None,
    )

    floor = search(app)

    assert floor.fails_bytes < needs <= floor.serves_bytes
    assert floor.serves_bytes - floor.fails_bytes <= MEBIBYTE


def test_a_throughput_that_collapsed_once_is_not_believed() -> None:
    """The host was busy once, far above the need: the floor is not there."""
    needs = 40 * MEBIBYTE
    app = App(
        needs,
        100 * MEBIBYTE,
        failure=FailureCode.FAILURE_CODE_UNSPECIFIED,
        odd=lambda limit, time: False if limit >= needs and time == 1 else None,
    )

    floor = search(app)

    assert floor.fails_bytes < needs <= floor.serves_bytes


def test_an_app_that_never_settles_ends_the_search() -> None:
    app = App(0, 50 * MEBIBYTE, odd=lambda limit, time: limit == 0 or time == 1)

    floor = search(app)

    assert len(floor.steps) == MAXIMUM_PROBES
    assert floor.serves_bytes == 0
    assert "did not decide" in floor.reason


def test_the_plans_limit_is_the_upper_end() -> None:
    ceiling = 64 * MEBIBYTE
    app = App(60 * MEBIBYTE, 62 * MEBIBYTE)

    floor = search(app, ceiling)

    assert 60 * MEBIBYTE <= floor.serves_bytes <= ceiling
    assert max(app.asked) <= ceiling


def test_an_app_that_serves_at_the_plans_limit_only_by_luck_has_no_floor() -> None:
    ceiling = 64 * MEBIBYTE

    floor = search(App(ceiling * 2, ceiling), ceiling)

    assert floor.serves_bytes == 0
    assert "plan's limit" in floor.reason


def test_an_app_that_serves_nowhere_is_told_with_its_reason() -> None:
    floor = search(App(0, 0, odd=lambda _limit, _time: False))

    assert (floor.serves_bytes, len(floor.steps)) == (0, 1)
    assert "it was killed" in floor.reason


def test_an_engine_that_can_start_nothing_in_so_little_is_not_in_trouble() -> None:
    app = App(9 * MEBIBYTE, 20 * MEBIBYTE, failure=ENGINE)

    floor = search(app)

    assert floor.reason == ""
    assert floor.fails_bytes < 9 * MEBIBYTE <= floor.serves_bytes


def test_an_engine_in_trouble_ends_the_search_and_is_no_floor() -> None:
    gone = iter([True, True, True, *[False] * 99])
    app = App(0, 100 * MEBIBYTE, failure=ENGINE, odd=lambda _limit, _time: next(gone))

    floor = search(app)

    assert (floor.serves_bytes, floor.fails_bytes) == (0, 0)
    assert floor.reason == "it was killed"
    assert len(floor.steps) == 5


def test_a_search_that_may_not_go_on_says_why_and_keeps_what_it_found() -> None:
    reasons = iter(["", "", "", "", "its 600 s were over"])

    floor = search(App(40 * MEBIBYTE, 50 * MEBIBYTE), over=lambda: next(reasons))

    assert floor.reason == "its 600 s were over"
    assert len(floor.steps) == 4
    assert floor.serves_bytes == 0


def test_a_probe_that_cannot_be_made_ends_the_search() -> None:
    def refused(limit_bytes: int) -> MemoryFloorStep:
        raise CannotProbe("limits do not hold here")

    floor = find_floor("app", refused, Settings(MEBIBYTE, 0, lambda: ""))

    assert (floor.reason, len(floor.steps)) == ("limits do not hold here", 0)
