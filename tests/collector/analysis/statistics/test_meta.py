"""Pooling against examples whose answers are known, and by hand."""

import math

import pytest

from headstart.collector.analysis.statistics.meta import SMALLEST_ERROR, between_variance, pool
from headstart.collector.analysis.statistics.student import student_quantile

# Tuberculosis and not, vaccinated and not: 13 trials of BCG (Colditz et al. 1994).
BCG = (
    (4, 119, 11, 128),
    (6, 300, 29, 274),
    (3, 228, 11, 209),
    (62, 13536, 248, 12619),
    (33, 5036, 47, 5761),
    (180, 1361, 372, 1079),
    (8, 2537, 10, 619),
    (505, 87886, 499, 87892),
    (29, 7470, 45, 7232),
    (17, 1699, 65, 1600),
    (186, 50448, 141, 27197),
    (5, 2493, 3, 2338),
    (27, 16886, 29, 17825),
)
LOGS = [math.log(a / (a + b) / (c / (c + d))) for a, b, c, d in BCG]
VARIANCES = [1 / a - 1 / (a + b) + 1 / c - 1 / (c + d) for a, b, c, d in BCG]


def test_the_bcg_trials_give_what_statsmodels_gives() -> None:
    # combine_effects(..., method_re="iterated") of statsmodels 0.14: tau2, effect, its error.
    found = pool(LOGS, [math.sqrt(v) for v in VARIANCES], 0.95)

    assert between_variance(LOGS, VARIANCES) == pytest.approx(0.3180684522, abs=1e-8)
    assert found.mean == pytest.approx(-0.714968, abs=1e-6)
    assert found.low is not None
    # Student's t with 12 degrees is 2.1788.
    assert found.mean - found.low == pytest.approx(2.1788 * 0.180892, rel=1e-4)
    assert sum(found.weights) == pytest.approx(1)
    assert found.weights[5] == pytest.approx(0.100691, abs=1e-6)


def test_two_hosts_by_hand() -> None:
    # Equal errors s and a difference d: tau2 = d2 / 2 - s2, the mean's error is d / 2.
    found = pool([-0.1, 0.1], [0.05, 0.05], 0.95)

    assert found.tau == pytest.approx(math.sqrt(0.2**2 / 2 - 0.05**2))
    assert found.mean == pytest.approx(0)
    assert found.high == pytest.approx(12.7062 * 0.1, rel=1e-4)
    assert found.predicted_high is None


def test_hosts_that_agree_by_chance_keep_the_width_of_their_errors() -> None:
    found = pool([0.2, 0.2, 0.2], [0.03, 0.03, 0.03], 0.95)

    assert found.tau == 0
    assert found.high == pytest.approx(0.2 + 1.95996 * 0.03 / math.sqrt(3), rel=1e-5)


def test_a_host_that_is_known_better_counts_for_more() -> None:
    found = pool([0.0, 0.02], [0.01, 0.02], 0.95)

    assert found.tau == 0
    assert found.weights == pytest.approx((0.8, 0.2))
    assert found.mean == pytest.approx(0.004)


def test_one_host_is_itself_and_says_nothing_of_others() -> None:
    found = pool([0.3], [0.1], 0.95)

    assert (found.mean, found.low, found.tau, found.weights) == (0.3, None, 0, (1.0,))


def test_errors_of_zero_are_not_infinite_weights() -> None:
    found = pool([0.1, 0.1], [0.0, 0.0], 0.95)

    assert found.high == pytest.approx(0.1 + 1.95996 * SMALLEST_ERROR / math.sqrt(2), rel=1e-5)


@pytest.mark.parametrize(("freedom", "expected"), [(1, 12.7062), (4, 2.77645), (12, 2.17881)])
def test_quantiles_of_students_t(freedom: int, expected: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(expected, rel=1e-3)
