"""Cpuset lists."""

import pytest

from headstart.agent.linux.sysfs import parse_cpus


@pytest.mark.parametrize(
    ("text", "cpus"),
    [("", set()), ("0", {0}), ("0,2-3", {0, 2, 3}), (" 1 , 4-4", {1, 4}), ("2-1", set())],
)
def test_a_list_names_cpus(text: str, cpus: set[int]) -> None:
    assert parse_cpus(text) == cpus


@pytest.mark.parametrize("text", ["a", "0,", "1-", "-1", "0..3"])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_cpus(text)


@pytest.mark.parametrize("text", ["0-4000000000", "0-9999999999999999999", "0," * 10_000 + "0"])
def test_more_cpus_than_a_host_has_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="CPU"):
        parse_cpus(text)
