import pytest

from headstart.collector.analysis.statistics.student import student_quantile


@pytest.mark.parametrize(
    ("probability", "freedom", "expected"),
    # From scipy.stats.t.ppf 1.17; the first five are also in NIST's e-Handbook, 1.3.6.7.2.
    [
        (0.975, 1, 12.706204736174694),
        (0.975, 2, 4.302652729749464),
        (0.975, 3, 3.1824463052837084),
        (0.95, 29, 1.6991270265334977),
        (0.975, 1_000_000, 1.9599663767580937),
        (0.99375, 4, 4.314656048886743),
        (0.9999, 2, 70.70007104930252),
        (0.975, 2.5, 3.5746548420036817),
        (0.025, 9, -2.2621571627982049),
    ],
)
def test_students_quantiles_are_right_to_a_millionth(
    probability: float, freedom: float, expected: float
) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=1e-6)
