import numpy as np
import pytest

from headstart.collector.analysis.statistics.bootstrap import (
    center_interval,
    generator,
    ratio_interval,
    student_quantile,
)


def drifting(blocks: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]  # test data
    """A pair whose true ratio is one half, on a host that slows down by 10 %."""
    drift = np.exp(rng.normal(0, 0.03, blocks) + np.linspace(0, 0.1, blocks))
    baseline, variant = np.exp(rng.normal(0, 0.05, (2, blocks)))
    return drift * baseline, 0.5 * drift * variant


@pytest.mark.parametrize("center", ["median", "mean"])
@pytest.mark.parametrize("blocks", [3, 5, 10])
def test_intervals_cover_the_true_ratio_about_as_often_as_they_say(
    blocks: int, center: str
) -> None:
    rng = np.random.default_rng(blocks)
    covered = 0
    for _ in range(200):
        _, interval = ratio_interval(*drifting(blocks, rng), center, 0.95, rng)
        assert interval is not None
        covered += interval.low <= 0.5 <= interval.high

    assert covered / 200 >= 0.89


def test_drift_that_a_block_shares_cancels() -> None:
    rng = np.random.default_rng(1)
    drift = np.exp(rng.normal(0, 0.5, 20))

    ratio, interval = ratio_interval(drift, 0.5 * drift, "mean", 0.95, rng)

    assert ratio == pytest.approx(0.5)
    assert interval is not None
    assert interval.high - interval.low < 1e-9


def test_the_ratio_of_many_blocks_is_that_of_the_figures_shown() -> None:
    baseline, variant = np.array([1.0, 2, 3, 4, 100]), np.array([2.0, 4, 6, 8, 10])

    median, _ = ratio_interval(baseline, variant, "median", 0.95, generator("run"))
    mean, _ = ratio_interval(baseline, variant, "mean", 0.95, generator("run"))

    assert median == 6 / 3
    assert mean == pytest.approx(6 / 22)


def test_two_blocks_have_a_ratio_and_no_interval() -> None:
    ratio, interval = ratio_interval(
        np.array([1.0, 1.0]), np.array([2.0, 8.0]), "median", 0.95, generator("run")
    )

    assert ratio == pytest.approx(4.0)
    assert interval is None


def test_a_surer_interval_is_wider() -> None:
    values = np.random.default_rng(2).normal(10, 1, 12)

    usual = center_interval(values, "median", 0.95, generator("run"))
    surer = center_interval(values, "median", 0.9875, generator("run"))

    assert usual is not None
    assert surer is not None
    assert surer.low <= usual.low <= usual.high <= surer.high
    assert surer != usual


def test_the_same_names_give_the_same_interval() -> None:
    baseline, variant = np.random.default_rng(3).normal(10, 1, (2, 12))

    def interval(*names: str) -> object:
        return ratio_interval(baseline, variant, "median", 0.95, generator(*names))[1]

    assert interval("run", "startup") == interval("run", "startup")
    assert interval("run", "startup") != interval("run", "memory")


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    # From the table in NIST's e-Handbook of Statistical Methods, 1.3.6.7.2.
    [(0.975, 2, 4.303), (0.975, 3, 3.182), (0.975, 9, 2.262), (0.95, 29, 1.699)],
)
def test_students_quantiles_are_those_of_the_tables(
    probability: float, freedom: int, expected: float
) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=0.01)
