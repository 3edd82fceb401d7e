"""Where the walls of one collector are: arithmetic over what a unit costs, and nothing else.

The units are measured by `bench.costs`. `bench.scaling_tables` writes docs/SCALING.md with this.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headstart.collector.config import Limits, Timing
from headstart.words.exposed_series import MAXIMUM_SERIES

_DAY_SECONDS = 86_400
_GIB = 1 << 30


@dataclass(frozen=True)
class Costs:
    """What a unit costs; CPU times are the collector's alone, bytes those of SQLite's file."""

    # CPU microseconds in a second that an agent more takes: heartbeats, and what is kept of it.
    idle_us: float
    # CPU microseconds for a batch more on top of that, from TLS to the ack.
    batch_us: float
    # CPU milliseconds for an agent that comes back after a cut; and until one has its lease.
    come_back_ms: float
    lease_ms: float
    # Memory of the collector alone, and what an agent that delivers adds.
    resident_mib: float
    agent_kib: float
    # On disk, with its places in indexes.
    batch_bytes: float
    # A run's result and its points, once the raw batches are gone.
    result_bytes: float
    # Of the analysis process: a run of `result_variants` variants with 30 blocks.
    analysis_cpu_seconds: float
    result_variants: int
    # Of /metrics, for each variant of an experiment on a host, and for each host.
    variant_series: float
    detailed_variant_series: float
    host_series: float
    # Of a scrape, for each series: plain, and with gzip.
    series_bytes: float
    series_packed_bytes: float
    # Shares of a core that go to commits, which agents share: at rest, and more when they deliver.
    rest_share: float = 0.0
    commits_share: float = 0.0


@dataclass(frozen=True)
class Observed:
    """A collector with so many simulated agents: at rest, at a batch a second each, after a cut."""

    agents: int
    # Of the machine, meanwhile.
    load_average: float
    # Shares of a core.
    idle_share: float
    busy_share: float
    batches_per_second: float
    # From sending to the ack; and how late the agents themselves sent (p99).
    p99_seconds: float
    late_seconds: float
    storm_cpu_seconds: float
    storm_seconds: float
    submission_cpu_seconds: float
    resident_before_mib: float
    resident_mib: float
    batch_bytes: float


@dataclass(frozen=True)
class Measured:
    """Costs, on what machine, and what was seen at several sizes, from small to large."""

    conditions: str
    costs: Costs
    seen: Sequence[Observed]


@dataclass(frozen=True)
class Shape:
    """What agents of a fleet do."""

    # Part of the time in which a host measures: a batch a second, then.
    measuring: float = 0.25
    run_seconds: float = 1_800.0
    # Experiments whose latest result on a host is shown, each with so many variants.
    experiments: float = 2.0
    variants: float = 2.0
    # For how long raw batches are kept; results stay, so that their years count.
    raw_days: float = 14.0
    result_years: float = 2.0


@dataclass(frozen=True)
class Room:
    """What one collector has or may use."""

    # The event loop and the writer share one interpreter: one core, and some of it is for storms.
    core_share: float = 0.7
    # The analysis is one process beside it.
    analysis_share: float = 0.8
    # Whoever is not back by then has lost its run.
    storm_seconds: float = Timing().lease_seconds
    agents: int = Limits().agents
    memory_gib: float = 4.0
    disk_gib: float = 1_000.0
    series: int = MAXIMUM_SERIES


@dataclass(frozen=True)
class Wall:
    """One resource: what a fleet needs of it, and what one collector has."""

    name: str
    unit: str
    needed: float
    has: float

    @property
    def collectors(self) -> float:
        """So many times one collector's."""
        return self.needed / self.has


def walls(agents: float, costs: Costs, shape: Shape, room: Room) -> list[Wall]:
    """What so many agents need of each resource, in the order of a batch's way."""
    batches = agents * shape.measuring
    runs_a_second = agents * shape.measuring / shape.run_seconds
    shared = costs.rest_share + costs.commits_share
    cpu = shared + (agents * costs.idle_us + batches * costs.batch_us) / 1e6
    analysis = runs_a_second * costs.analysis_cpu_seconds * shape.variants / costs.result_variants
    memory = costs.resident_mib + agents * costs.agent_kib / 1024
    raw = batches * costs.batch_bytes * shape.raw_days * _DAY_SECONDS
    results = (runs_a_second * costs.result_bytes * shape.variants / costs.result_variants) * (
        shape.result_years * 365 * _DAY_SECONDS
    )
    series = agents * (
        costs.host_series + shape.experiments * shape.variants * costs.variant_series
    )
    back = agents * costs.come_back_ms / 1e3 / room.core_share
    return [
        Wall("agents that are let in", "agents", agents, room.agents),
        Wall("CPU of the collector", "cores", cpu, room.core_share),
        Wall("all agents back after a cut", "s", back, room.storm_seconds),
        Wall("memory", "GiB", memory / 1024, room.memory_gib),
        Wall("CPU of the analysis", "cores", analysis, room.analysis_share),
        Wall("disk: raw batches", "GiB", raw / _GIB, room.disk_gib),
        Wall("disk: results", "GiB", results / _GIB, room.disk_gib),
        Wall("series of /metrics", "series", series, room.series),
    ]


def first_wall(costs: Costs, shape: Shape, room: Room) -> tuple[int, str]:
    """So many agents one collector bears, and what ends it."""
    return min(
        (agents_until(wall.name, costs, shape, room), wall.name)
        for wall in walls(1, costs, shape, room)
    )


def agents_until(name: str, costs: Costs, shape: Shape, room: Room) -> int:
    """The most agents that need no more of a resource than one collector has: all are linear."""
    (none,) = [wall for wall in walls(0, costs, shape, room) if wall.name == name]
    (one,) = [wall for wall in walls(1, costs, shape, room) if wall.name == name]
    return max(math.floor((none.has - none.needed) / (one.needed - none.needed)), 0)


def collectors(agents: float, costs: Costs, shape: Shape, room: Room) -> int:
    """So many collectors such a fleet takes, agents spread evenly."""
    return math.ceil(agents / first_wall(costs, shape, room)[0])


def foretold(agents: int, batches: float, costs: Costs) -> tuple[float, float, float]:
    """Share of a core at rest, at so many batches a second, and CPU seconds to come back."""
    idle = costs.rest_share + agents * costs.idle_us / 1e6
    busy = idle + costs.commits_share + batches * costs.batch_us / 1e6
    return idle, busy, agents * costs.come_back_ms / 1e3


def of_a_fleet(seen: Sequence[Observed]) -> dict[str, Any]:
    """The costs by field that sizes tell, from small to large: how the two largest differ.

    Agents share commits, so that the first hundred cost more than each hundred after them: what
    does not grow with them is a share of its own.
    """
    largest = seen[-1]
    # The same size may have been seen again.
    smaller = next((each for each in reversed(seen) if each.agents < largest.agents), None)
    idle_each, rest = _line(
        (largest.agents, largest.idle_share),
        (smaller.agents, smaller.idle_share) if smaller else None,
    )
    batch_each, commits = _line(
        (largest.batches_per_second, largest.busy_share - largest.idle_share),
        (smaller.batches_per_second, smaller.busy_share - smaller.idle_share) if smaller else None,
    )
    return {
        "idle_us": 1e6 * idle_each,
        "batch_us": 1e6 * batch_each,
        "rest_share": rest,
        "commits_share": commits,
        "come_back_ms": 1e3 * largest.storm_cpu_seconds / largest.agents,
        "lease_ms": 1e3 * largest.submission_cpu_seconds / largest.agents,
        "resident_mib": largest.resident_before_mib,
        "agent_kib": 1024 * (largest.resident_mib - largest.resident_before_mib) / largest.agents,
        "batch_bytes": largest.batch_bytes,
    }


def _line(large: tuple[float, float], small: tuple[float, float] | None) -> tuple[float, float]:
    """What one more adds, and what there is without any; without `small` all grows."""
    if small is None:
        return large[1] / large[0], 0.0
    each = (large[1] - small[1]) / (large[0] - small[0])
    return each, large[1] - each * large[0]


def read(path: Path) -> Measured:
    """What `bench.costs` wrote."""
    said: dict[str, Any] = json.loads(path.read_text())
    return Measured(
        conditions=said["conditions"],
        costs=Costs(**said["costs"]),
        seen=[Observed(**each) for each in said["seen"]],
    )
