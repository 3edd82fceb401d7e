import pytest

from headstart.collector.findings.quantities import digits, per_cent, quantity, ratio, scale


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0294, "seconds", "29.4 ms"),
        (1.234, "seconds", "1.23 s"),
        (0.00099949, "seconds", "999 µs"),
        (0.9999, "seconds", "1.00 s"),
        (0.0, "seconds", "0 s"),
        (5e-9, "seconds", "0.00500 µs"),
        (66_212_214, "bytes", "66.2 MB"),
        (1_500_000_000, "bytes", "1.50 GB"),
        (512, "bytes", "512 B"),
        (14_702.4, "per_second", "14,702 req/s"),
        (9.996, "per_second", "10.0 req/s"),
        (-3.0, "seconds", "-3.00 s"),
    ],
)
def test_quantities_have_three_digits_and_a_fitting_unit(
    value: float, unit: str, text: str
) -> None:
    assert quantity(value, unit) == text


def test_digits_are_kept_when_rounding_reaches_the_next_power_of_ten() -> None:
    assert [digits(v) for v in (9.999, 99.99, 999.9, 0)] == ["10.0", "100", "1,000", "0"]


def test_ratios_near_one_keep_three_decimals() -> None:
    assert [ratio(v) for v in (0.0312, 0.997, 1.0, 9.654, 25.17)] == [
        "0.0312",
        "0.997",
        "1.000",
        "9.654",
        "25.2",
    ]


def test_shares_lose_their_sign() -> None:
    assert [per_cent(v) for v in (-0.6812, 0.0423)] == ["68", "4.2"]


def test_a_scale_divides_values_into_its_unit() -> None:
    divisor, unit = scale(0.3, "seconds")

    assert (round(0.3 / divisor), unit) == (300, "ms")
    assert scale(0.0, "bytes") == (1.0, "B")
