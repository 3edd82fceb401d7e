import pytest
from scipy.special import stdtrit

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
        (0.5, 7, 0.0),
        # cot(pi (1 - p)) and (2 p - 1) / sqrt(2 p (1 - p)): one and two degrees of freedom.
        (1 - 2**-30, 1, 341782637.7882158),
        (1 - 2**-30, 2, 23170.47497355201),
        (0.99999, 2, 223.60344363454604),
    ],
)
def test_students_quantiles_are_right_to_a_millionth(
    probability: float, freedom: float, expected: float
) -> None:
    assert student_quantile(probability, freedom) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "freedom", [1, 1.0001, 1.1, 1.9, 2, 2.5, 3.7, 12, 999.5, 1e5, 1.1e5, 1e8, 1e12]
)
def test_students_quantiles_keep_their_word_wherever_they_are_asked_for(freedom: float) -> None:
    """Near one half, far out in the tail, and with freedoms that are no whole numbers."""
    for probability in (0.500001, 0.5001, 0.6, 0.975, 0.9999, 0.99999, 1 - 1e-6, 1 - 1e-10):
        expected = float(stdtrit(freedom, probability))

        assert student_quantile(probability, freedom) == pytest.approx(expected, rel=1e-6)
        assert student_quantile(1 - probability, freedom) == pytest.approx(-expected, rel=1e-6)
