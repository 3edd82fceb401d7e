"""The arithmetic of docs/SCALING.md, and that the document says what it comes to."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench import scaling_tables
from bench.scaling import (
    Costs,
    Observed,
    Room,
    Shape,
    agents_until,
    collectors,
    first_wall,
    foretold,
    of_a_fleet,
    read,
    walls,
)
from headstart.collector.config import Limits
from headstart.collector.generated import with_part

ROOT = Path(__file__).parents[1]
COSTS = Costs(
    idle_us=100.0,
    batch_us=500.0,
    come_back_ms=6.0,
    lease_ms=3.0,
    resident_mib=100.0,
    agent_kib=512.0,
    batch_bytes=1_000.0,
    result_bytes=100_000.0,
    analysis_cpu_seconds=0.5,
    result_variants=2,
    variant_series=60.0,
    detailed_variant_series=140.0,
    host_series=13.0,
    series_bytes=200.0,
    series_packed_bytes=9.0,
)
SHAPE = Shape(
    measuring=0.5,
    run_seconds=1_000.0,
    experiments=5.0,
    variants=2.0,
    raw_days=10.0,
    result_years=1.0,
)


@pytest.mark.parametrize(
    ("name", "needed"),
    [
        ("agents that are let in", 2_000),
        # 2,000 x 100 us, and 1,000 batches a second x 500 us.
        ("CPU of the collector", 0.7),
        # 2,000 x 6 ms, by 70 % of a core.
        ("all agents back after a cut", 17.142857),
        ("memory", (100 + 1_000) / 1024),
        # A run a second.
        ("CPU of the analysis", 0.5),
        ("disk: raw batches", 1_000 * 1_000 * 864_000 / 2**30),
        ("disk: results", 365 * 86_400 * 100_000 / 2**30),
        ("series of /metrics", 2_000 * (13 + 600)),
    ],
)
def test_a_fleet_needs_of_each_resource_what_its_agents_do(name: str, needed: float) -> None:
    (wall,) = [each for each in walls(2_000, COSTS, SHAPE, Room()) if each.name == name]

    assert wall.needed == pytest.approx(needed)


def test_a_wall_is_where_an_agent_more_would_need_more_than_there_is() -> None:
    for wall in walls(1, COSTS, SHAPE, Room()):
        most = agents_until(wall.name, COSTS, SHAPE, Room())
        needed = {
            agents: next(e for e in walls(agents, COSTS, SHAPE, Room()) if e.name == wall.name)
            for agents in (most, most + 1)
        }

        assert needed[most].collectors <= 1 + 1e-9 < needed[most + 1].collectors + 2e-9


def test_what_costs_more_than_all_else_is_the_first_wall() -> None:
    assert first_wall(replace(COSTS, come_back_ms=600.0), SHAPE, Room())[1] == (
        "all agents back after a cut"
    )
    assert first_wall(COSTS, replace(SHAPE, experiments=100), Room()) == (
        150_000 // 12_013,
        "series of /metrics",
    )


def test_agents_that_are_too_many_for_one_collector_take_several() -> None:
    many = replace(Room(), series=10**9, disk_gib=1e9)

    assert first_wall(COSTS, SHAPE, many) == (Limits().agents, "agents that are let in")
    assert collectors(1_000, COSTS, SHAPE, many) == 1
    assert collectors(1_001, COSTS, SHAPE, many) == 2
    assert collectors(100_000, COSTS, SHAPE, many) == 100


def test_what_is_foretold_is_of_agents_and_of_batches() -> None:
    assert foretold(1_000, 800, COSTS) == pytest.approx((0.1, 0.5, 6.0))


def test_what_agents_share_is_not_counted_for_each_of_them() -> None:
    seen = Observed(500, 1.0, 0.10, 0.60, 500, 0.1, 0.0, 3.0, 3.0, 1.5, 100.0, 200.0, 900.0)
    more = replace(seen, agents=1_000, idle_share=0.15, busy_share=0.85, batches_per_second=1_000)

    costs = replace(COSTS, **of_a_fleet([seen, more]))

    assert (costs.idle_us, costs.rest_share) == pytest.approx((100, 0.05))
    assert (costs.batch_us, costs.commits_share) == pytest.approx((400, 0.3))
    # 0.05 and 0.3, 2,000 x 100 us, and 1,000 batches a second x 400 us.
    (cpu,) = [each for each in walls(2_000, costs, SHAPE, Room()) if "CPU of the c" in each.name]
    assert cpu.needed == pytest.approx(0.95)
    assert foretold(500, 500, costs)[:2] == pytest.approx((0.10, 0.60))


def test_of_one_size_all_is_said_to_grow_with_it_however_often_it_was_seen() -> None:
    seen = Observed(500, 1.0, 0.10, 0.60, 500, 0.1, 0.0, 3.0, 3.0, 1.5, 100.0, 200.0, 900.0)

    costs = of_a_fleet([seen])
    again = of_a_fleet([seen, seen])

    assert again == costs
    assert (costs["idle_us"], costs["batch_us"]) == pytest.approx((200, 1_000))
    assert costs["rest_share"] == costs["commits_share"] == 0.0


def test_the_document_says_what_the_measured_costs_come_to() -> None:
    document = (ROOT / "docs" / "SCALING.md").read_text()
    part = scaling_tables.tables(read(scaling_tables.COSTS))

    assert document == with_part(document, scaling_tables.BEGIN, scaling_tables.END, part)


def test_the_program_that_writes_it_says_how_it_is_used() -> None:
    asked = [sys.executable, "-m", "bench.scaling_tables", "--help"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert said.startswith("usage: bench.scaling_tables [-h] document")


def test_what_was_measured_at_other_sizes_is_near_what_is_foretold() -> None:
    measured = read(scaling_tables.COSTS)
    assert {seen.agents for seen in measured.seen} >= {100, 250, 500, 1_000}
    for seen in measured.seen:
        _, busy, back = foretold(seen.agents, seen.batches_per_second, measured.costs)

        # Of few agents it says too much, and says so.
        assert seen.busy_share / busy == pytest.approx(1, abs=0.5 if seen.agents < 250 else 0.15)
        assert seen.storm_cpu_seconds / back == pytest.approx(1, abs=0.75)
