"""Quantities with their units, and nothing that only looks like one."""

import pytest

from headstart.collector.experiments.file.units import (
    CpuSet,
    Duration,
    Number,
    Percentage,
    Quantity,
    Rate,
    Size,
    Text,
    Whole,
)

DURATION = Duration("0s", "24h")
SIZE = Size("0B", "1024GiB")
PERCENTAGE = Percentage("0%", "1000%")
RATE = Rate("0/s", "1000000/s")


@pytest.mark.parametrize(
    ("quantity", "text", "value"),
    [
        (DURATION, "100ms", 0.1),
        (DURATION, "50us", 0.00005),
        (DURATION, "0s", 0),
        (DURATION, "1.5 min", 90),
        (DURATION, "24h", 86400),
        (SIZE, "512MiB", 512 * 2**20),
        (SIZE, "50MB", 50_000_000),
        (SIZE, "0.5GiB", 2**29),
        (SIZE, "64kB", 64_000),
        (PERCENTAGE, "5%", 0.05),
        (PERCENTAGE, "0.1 %", 0.001),
        (RATE, "2000/s", 2000),
        (RATE, "90/min", 1.5),
    ],
)
def test_a_quantity_is_converted_exactly(quantity: Quantity, text: str, value: float) -> None:
    assert quantity.parse(text) == value


@pytest.mark.parametrize("quantity", [DURATION, SIZE, PERCENTAGE, RATE])
@pytest.mark.parametrize(
    "value",
    [
        5,
        0,
        0.05,
        True,
        None,
        [],
        {},
        "",
        "5",
        "s",
        "-5s",
        "5 s 3",
        "5sec",
        "5m",
        "1e3s",
        "٣s",
        "5s\n",
    ],
)
def test_what_has_no_known_unit_is_refused(quantity: Quantity, value: object) -> None:
    with pytest.raises(ValueError, match=r"expected .+"):
        quantity.parse(value)


@pytest.mark.parametrize("text", ["0.9s", "61s", "99999999h"])
def test_a_quantity_has_a_range(text: str) -> None:
    with pytest.raises(ValueError, match=r"a duration from 1s to 60s, found "):
        Duration("1s", "60s").parse(text)


def test_only_the_case_of_a_unit_is_guessed() -> None:
    with pytest.raises(ValueError, match=r"unknown unit 'KB'.*; did you mean 'kB'\?"):
        SIZE.parse("5KB")
    with pytest.raises(ValueError, match=r"unknown unit 'm', expected us, ms, s, min or h$"):
        DURATION.parse("5m")


@pytest.mark.parametrize(
    ("value", "cpus"),
    [(0, "0"), ("0", "0"), ("0,2-3", "0,2-3"), ("0, 2-3", "0,2-3"), ("5-5", "5-5"), (12, "12")],
)
def test_cpus_are_a_cpuset_list(value: object, cpus: str) -> None:
    assert CpuSet().parse(value) == cpus


@pytest.mark.parametrize(
    "value", ["", "0-", "-1", "3-2", "0,,1", "a", "0;1", "10000", -1, True, None, 0.5, [0, 1]]
)
def test_other_cpus_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected CPU numbers"):
        CpuSet().parse(value)


@pytest.mark.parametrize("value", [True, "5", 5.0, 0, 11, None])
def test_a_whole_number_is_nothing_else(value: object) -> None:
    with pytest.raises(ValueError, match="expected a whole number from 1 to 10"):
        Whole(1, 10).parse(value)


@pytest.mark.parametrize("value", [True, "5", 0, -1, 11.5, None])
def test_a_number_is_above_zero(value: object) -> None:
    with pytest.raises(ValueError, match="expected a number above 0 and at most 10"):
        Number(10).parse(value)


def test_loose_text_takes_what_stays_the_same_as_text() -> None:
    loose = Text("text", loose=True)

    assert [loose.parse(value) for value in ("a\nb", 5, -7, True, False)] == [
        "a\nb",
        "5",
        "-7",
        "true",
        "false",
    ]
    # 1.10 was read as 1.1 already.
    with pytest.raises(ValueError, match="put it into quotes"):
        loose.parse(1.1)
    with pytest.raises(ValueError, match="put it into quotes"):
        Text("text").parse(5)
