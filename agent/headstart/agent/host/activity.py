"""What else goes on on this host: idle and stolen time, queue, pressure."""

import re
import time
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.host.quiet import CpuTicks, idle_share, parse_cpu_ticks
from headstart.agent.linux.sysfs import read_text
from headstart.v1.host_pb2 import Fact


@dataclass(frozen=True)
class HostLoad:
    """Shares are of all CPUs, 0 to 1; None: not seen."""

    # Over the time watched.
    idle_share: float | None
    steal_share: float | None
    steal_share_since_boot: float | None
    load_average_1m: float | None
    # Share of the last minute in which some task waited for a CPU.
    cpu_pressure_share: float | None


def watch_load(root: Path = Path("/"), seconds: float = 0.25) -> HostLoad:
    """Watch the host for a while. Linux counts in steps of 10 ms a CPU."""
    before = read_text(root / "proc/stat")
    time.sleep(seconds)
    after = read_text(root / "proc/stat")
    return host_load(
        before, after, read_text(root / "proc/loadavg"), read_text(root / "proc/pressure/cpu")
    )


def host_load(before: str, after: str, average: str, pressure: str) -> HostLoad:
    """From two texts of /proc/stat, /proc/loadavg and /proc/pressure/cpu."""
    idle = steal = since_boot = None
    if before and after:
        first, last = parse_cpu_ticks(before), parse_cpu_ticks(after)
        share = idle_share(first, last)
        idle = share if share >= 0 else None
        steal = _share(parse_steal_ticks(after) - parse_steal_ticks(before), first, last)
        since_boot = _share(parse_steal_ticks(after), CpuTicks(0, 0), last)
    some = re.search(r"^some .*avg60=([\d.]+)", pressure, re.MULTILINE)
    return HostLoad(
        idle_share=idle,
        steal_share=steal,
        steal_share_since_boot=since_boot,
        load_average_1m=float(average.split()[0]) if average else None,
        cpu_pressure_share=float(some[1]) / 100 if some else None,
    )


def parse_steal_ticks(stat: str) -> int:
    """The eighth figure of the first line of /proc/stat: ticks that the hypervisor kept."""
    return int(stat.partition("\n")[0].split()[8])


def load_facts(load: HostLoad) -> list[Fact]:
    """For a reader; what was not seen is left out."""
    seen = {
        "idle_share": load.idle_share,
        "steal_share": load.steal_share,
        "steal_share_since_boot": load.steal_share_since_boot,
        "load_average_1m": load.load_average_1m,
        "cpu_pressure_share": load.cpu_pressure_share,
    }
    return [Fact(name=name, value=f"{v:.4g}") for name, v in seen.items() if v is not None]


def _share(ticks: int, first: CpuTicks, last: CpuTicks) -> float | None:
    total = last.total - first.total
    return ticks / total if total > 0 else None
