from collections.abc import Callable

import numpy as np
import pytest

from headstart.collector.analysis.statistics.trend import Floats
from headstart.collector.analysis.warmup.detection import (
    Course,
    changepoints,
    course_from,
    course_of,
)
from headstart.collector.findings import Shape

RNG = np.random.default_rng(20)
TIMES = 60


def noisy(level: Floats, noise: float = 0.02) -> Floats:
    return np.asarray(level * (1 + RNG.normal(0, noise, len(level))))


def climb(windows: int, constant: float, first: float = 6_000, last: float = 14_700) -> Floats:
    seconds = np.arange(windows) + 0.5
    return np.asarray(last - (last - first) * np.exp(-seconds / constant))


def share(make: Callable[[], Floats], shape: Shape) -> float:
    return sum(course_of(make()).shape is shape for _ in range(TIMES)) / TIMES


def test_a_level_series_is_flat_from_the_start() -> None:
    course = course_of(np.full(60, 14_800.0))

    assert course.shape is Shape.FLAT
    assert course.steady_from == 0


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda: noisy(np.full(60, 14_800.0)), Shape.FLAT),
        (lambda: noisy(np.full(60, 14_800.0), 0.05), Shape.FLAT),
        (lambda: noisy(np.full(20, 14_800.0), 0.15), Shape.NO_STEADY_STATE),
        (lambda: noisy(climb(60, 8)), Shape.WARMUP),
        (lambda: noisy(climb(60, 2)), Shape.WARMUP),
        (lambda: noisy(np.repeat([9_000.0, 8_000.0], [20, 40])), Shape.SLOWDOWN),
        (lambda: noisy(climb(30, 15)), Shape.NO_STEADY_STATE),
        (lambda: noisy(climb(60, 40)), Shape.NO_STEADY_STATE),
        (lambda: noisy(climb(30, 15), 0.1), Shape.NO_STEADY_STATE),
    ],
    ids=[
        "flat",
        "flat-noisy",
        "too-noisy",
        "slow-climb",
        "quick-climb",
        "slower",
        "cut-off",
        "endless",
        "cut-off-noisy",
    ],
)
def test_shapes_are_recognised_in_noise(make: Callable[[], Floats], shape: Shape) -> None:
    assert share(make, shape) >= 0.9


def test_the_answer_does_not_depend_on_the_unit() -> None:
    series = noisy(climb(60, 8))

    assert course_of(series) == course_of(series / 3_600) == course_of(series * 1e6)


def test_single_spikes_do_not_change_the_shape() -> None:
    def spiky() -> Floats:
        dips = np.where(RNG.random(60) < 0.1, 0.97, 1.0)
        return noisy(np.full(60, 14_800.0)) * dips

    assert share(spiky, Shape.FLAT) >= 0.9


def test_a_climb_that_was_cut_off_says_that_it_was_still_rising() -> None:
    course = course_of(climb(30, 15))

    assert course.steady_from is None
    assert course.reason == "was still rising"


def test_a_short_climb_that_bends_upwards_is_still_rising() -> None:
    # As a JVM's in the first 8 s of load, cells of 0.44 s.
    bent = np.array(
        [12, 27, 31, 33, 42, 45, 48, 51, 55, 60, 61, 71, 74, 74, 73, 103, 123, 126], dtype=float
    )

    assert course_of(bent).reason == "was still rising"


def test_the_steady_part_of_a_climb_lies_at_its_level() -> None:
    series = [noisy(climb(60, 8)) for _ in range(TIMES)]
    starts = [course_of(one).steady_from for one in series]

    levels = [s[start:].mean() for s, start in zip(series, starts, strict=True) if start]
    assert len(levels) >= 0.9 * TIMES
    assert levels == pytest.approx([14_700] * len(levels), rel=0.025)


@pytest.mark.parametrize("windows", [0, 1, 9])
def test_too_few_windows_say_nothing(windows: int) -> None:
    course = course_of(np.full(windows, 100.0))

    assert course.shape is Shape.TOO_SHORT
    assert course.steady_from is None


@pytest.mark.parametrize(
    "series",
    [np.zeros(20), np.full(20, np.nan), np.full(20, -1.0)],
    ids=["zero", "nan", "negative"],
)
def test_nothing_served_is_no_steady_state(series: Floats) -> None:
    assert course_of(series).shape is Shape.NO_STEADY_STATE


def test_a_server_that_stops_answering_is_no_steady_state_at_full_speed() -> None:
    series = noisy(np.repeat([10_000.0, 0.0], [40, 20]))

    course = course_of(series)

    assert course.steady_from is None or series[course.steady_from :].mean() == 0


def test_a_step_is_found_where_it_is() -> None:
    assert changepoints(noisy(np.repeat([100.0, 130.0], [25, 35]))) == [0, 25]


def restless(level: Floats, deviation: float = 0.05, memory: float = 0.5) -> Floats:
    """As on a host whose neighbours take a share of its speed for seconds at a time."""
    noise = RNG.normal(0, deviation, len(level))
    for at in range(1, len(noise)):
        noise[at] = memory * noise[at - 1] + np.sqrt(1 - memory**2) * noise[at]
    return np.asarray(level * (1 + noise))


def test_what_a_restless_host_does_is_hardly_ever_told_of_the_app() -> None:
    shapes = [course_of(restless(np.full(60, 14_800.0))) for _ in range(TIMES)]

    wrong = [course for course in shapes if course.is_told and course.shape is not Shape.FLAT]
    assert len(wrong) <= 0.1 * TIMES


def test_a_climb_on_a_restless_host_is_no_level() -> None:
    shapes = [course_of(restless(climb(60, 8))).shape for _ in range(TIMES)]

    assert Shape.FLAT not in shapes


@pytest.mark.parametrize(
    ("first", "shape"), [(0.92, Shape.WARMUP), (1.08, Shape.SLOWDOWN)], ids=["slower", "faster"]
)
def test_first_seconds_that_surely_differ_are_no_part_of_a_level(
    first: float, shape: Shape
) -> None:
    series = [noisy(np.repeat([first * 14_800, 14_800.0], [5, 55])) for _ in range(TIMES)]

    found = [course_of(one) for one in series]

    assert sum(course.shape is shape for course in found) >= 0.95 * TIMES
    assert all(course.steady_from in range(3, 30) for course in found if course.shape is shape)


def test_first_seconds_that_noise_hides_leave_a_level_as_it_is() -> None:
    found = [course_of(restless(np.full(60, 14_800.0))) for _ in range(TIMES)]
    changed = [course for course in found if course.steady_from]

    assert len(changed) <= 0.1 * TIMES
    assert share(lambda: noisy(np.full(30, 14_800.0)), Shape.FLAT) >= 0.95


def test_a_course_told_by_others_begins_where_the_series_allows() -> None:
    step = noisy(np.repeat([500.0, 1000.0], [25, 35]))

    assert course_from(step, Course(Shape.WARMUP, 10)) == Course(Shape.WARMUP, 25)
    assert course_from(step, Course(Shape.WARMUP, 30)) == Course(Shape.WARMUP, 30)
    hidden = np.repeat([990.0, 1000.0], [5, 55])
    assert course_from(hidden, Course(Shape.WARMUP, 5)) == Course(Shape.WARMUP, 5)
    assert course_from(noisy(np.full(60, 1000.0)), Course(Shape.FLAT, 0)) == Course(Shape.FLAT, 0)
    assert course_from(noisy(np.repeat([500.0, 1000.0], [50, 10])), Course(Shape.FLAT, 0)) is None


def test_a_series_that_varies_too_much_says_so() -> None:
    reasons = {course_of(noisy(np.full(20, 14_800.0), 0.3)).reason for _ in range(TIMES)}

    assert "varied too much to tell" in reasons
