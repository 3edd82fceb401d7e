"""The tables of docs/SCALING.md, out of `bench/costs.json` and the arithmetic of `bench.scaling`.

`python -m bench.scaling_tables docs/SCALING.md` writes them anew between their two marks; a test
holds the document to it.
"""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.scaling import (
    Costs,
    Measured,
    Room,
    Shape,
    agents_until,
    collectors,
    first_wall,
    foretold,
    read,
    walls,
)
from headstart.collector.generated import write_part

BEGIN = "<!-- scaling: generated, do not edit -->"
END = "<!-- /scaling -->"
COSTS = Path(__file__).with_name("costs.json")
FLEETS = (1_000, 10_000, 100_000)


def tables(measured: Measured, shape: Shape | None = None, room: Room | None = None) -> str:
    """All of them, each with its heading."""
    shape, room = shape or Shape(), room or Room()
    agents, wall = first_wall(measured.costs, shape, room)
    parts = [
        "### What a unit costs",
        (
            f"Measured by `python -m bench.costs` with up to {measured.seen[-1].agents:,} agents: "
            f"{measured.conditions}, load average {measured.seen[-1].load_average:.0f}."
        ),
        _table(("unit", "cost"), _units(measured.costs)),
        "### Where the walls are",
        (
            f"A fleet whose hosts measure {shape.measuring:.0%} of the time, runs of "
            f"{shape.run_seconds / 60:g} minutes, {shape.experiments:g} experiments of "
            f"{shape.variants:g} variants on each host; raw batches kept for "
            f"{shape.raw_days:g} days, results for {shape.result_years:g} years. Bold is more "
            "than one collector has; the last column is where that begins."
        ),
        _table(
            ("resource", "one collector has", *(f"{n:,} agents" for n in FLEETS), "wall at"),
            _walls(measured.costs, shape, room),
        ),
        f"The first of them is at {agents:,} agents ({wall}). Collectors that a fleet takes, with "
        "agents spread evenly: "
        + ", ".join(f"{collectors(n, measured.costs, shape, room)} for {n:,}" for n in FLEETS)
        + ".",
        "### Foretold and measured",
        (
            "The unit costs are of the two largest sizes; what they say of each, beside what was "
            "measured there in the same half hour."
        ),
        _table(
            (
                "agents (load average)",
                "at rest: foretold; measured",
                "delivering, batches a second",
                "CPU until all are back",
                "time until all are back",
                "ack, p99 (sent late, p99)",
            ),
            _checks(measured),
        ),
    ]
    return "\n\n".join(parts)


def _units(costs: Costs) -> Iterable[Sequence[str]]:
    return [
        ("an agent more, CPU in a second", f"{costs.idle_us:.0f} us"),
        ("a batch more, CPU from TLS to the ack", f"{costs.batch_us:.0f} us"),
        ("commits, which all share: at rest; more when batches come",
         f"{costs.rest_share:.1%}; {costs.commits_share:.1%} of a core"),
        ("an agent that comes back, CPU", f"{costs.come_back_ms:.1f} ms"),
        ("a run for it, CPU from the submission to the lease", f"{costs.lease_ms:.1f} ms"),
        ("memory: the collector; an agent that delivers", (f"{costs.resident_mib:.0f} MiB; "
         f"{costs.agent_kib:.0f} KiB")),
        ("a batch on disk, a second of samples at 50 Hz", f"{costs.batch_bytes:.0f} bytes"),
        (f"a run of {costs.result_variants} variants on disk, without raw batches",
         f"{costs.result_bytes / 1024:.0f} KiB"),
        (f"the analysis of a run of {costs.result_variants} variants and 30 blocks, CPU",
         f"{costs.analysis_cpu_seconds:.2f} s"),
        ("series: a variant of an experiment on a host; with detail; a host",
         (f"{costs.variant_series:.0f}; {costs.detailed_variant_series:.0f}; "
         f"{costs.host_series:.0f}")),
        ("a series in a scrape: plain; gzip",
         f"{costs.series_bytes:.0f}; {costs.series_packed_bytes:.1f} bytes"),
    ]  # fmt: skip


def _walls(costs: Costs, shape: Shape, room: Room) -> Iterable[Sequence[str]]:
    fleets = [walls(agents, costs, shape, room) for agents in FLEETS]
    for of_each in zip(*fleets, strict=True):
        wall = of_each[0]
        yield (
            wall.name,
            _amount(wall.has, wall.unit),
            *(
                f"**{_amount(each.needed, each.unit)}**"
                if each.collectors > 1
                else _amount(each.needed, each.unit)
                for each in of_each
            ),
            f"{agents_until(wall.name, costs, shape, room):,}",
        )


def _checks(measured: Measured) -> Iterable[Sequence[str]]:
    for seen in measured.seen:
        idle, busy, back = foretold(seen.agents, seen.batches_per_second, measured.costs)
        yield (
            f"{seen.agents:,} ({seen.load_average:.0f})",
            f"{idle:.1%}; {seen.idle_share:.1%}",
            f"{busy:.1%}; {seen.busy_share:.1%} of a core, {seen.batches_per_second:.0f}",
            f"{back:.2f}; {seen.storm_cpu_seconds:.2f} s",
            f"{seen.storm_seconds:.1f} s",
            f"{seen.p99_seconds:.2f} s ({seen.late_seconds:.2f} s)",
        )


def _amount(value: float, unit: str) -> str:
    digits = 2 if value < 10 and unit != "agents" and unit != "series" else 0
    return f"{value:,.{digits}f} {unit}" if unit not in ("agents", "series") else f"{value:,.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="bench.scaling_tables", description=__doc__)
    parser.add_argument("document", help="docs/SCALING.md")
    write_part(parser.parse_args().document, BEGIN, END, tables(read(COSTS)))
