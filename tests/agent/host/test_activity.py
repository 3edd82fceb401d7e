"""What else goes on on a host."""

from pathlib import Path

import pytest

from headstart.agent.host.activity import (
    HostLoad,
    host_load,
    load_facts,
    parse_steal_ticks,
    watch_load,
)
from support.hosts import SERVER
from support.trees import write_tree

BEFORE = "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 9 9 9\n"
AFTER = "cpu  110 0 115 760 105 0 0 10 0 0\ncpu0 9 9 9\n"


def test_shares_are_of_the_time_watched() -> None:
    load = host_load(BEFORE, AFTER, "0.50 0.40 0.30 1/99 123", "some avg10=0.00 avg60=2.50 x=1")

    assert load.idle_share == pytest.approx(0.65)
    assert load.steal_share == pytest.approx(0.10)
    assert load.steal_share_since_boot == pytest.approx(10 / 1100)
    assert load.load_average_1m == pytest.approx(0.5)
    assert load.cpu_pressure_share == pytest.approx(0.025)


def test_what_was_not_seen_is_none() -> None:
    assert host_load("", "", "", "") == HostLoad(None, None, None, None, None)
    assert host_load(BEFORE, BEFORE, "", "").idle_share is None
    assert load_facts(HostLoad(None, None, 0.0, None, None))[0].value == "0"
    assert len(load_facts(HostLoad(None, None, 0.0, None, None))) == 1


def test_steal_is_the_eighth_figure() -> None:
    assert parse_steal_ticks(AFTER) == 10


def test_a_host_whose_counters_stand_still_has_shares_since_boot_only(tmp_path: Path) -> None:
    load = watch_load(write_tree(tmp_path, SERVER), seconds=0)

    assert load.idle_share is None
    assert load.steal_share_since_boot == 0
    assert load.cpu_pressure_share == pytest.approx(0.015)


def test_this_machine_can_be_watched() -> None:
    load = watch_load(seconds=0.05)

    assert load.idle_share is not None
    assert 0 <= load.idle_share <= 1
