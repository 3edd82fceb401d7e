"""The rest of this host: kernel, memory, clock, and switches that change what is measured.

Read below a root folder, as in `cpu`. Sources: kernel documentation,
admin-guide/sysctl, admin-guide/mm/transhuge.rst, filesystems/proc.rst; DMTF
DSP0134 (SMBIOS) 3.7, section 7.18, for the speed of memory.
"""

import platform
import re
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.host.cpu import UNKNOWN, cache_bytes, read_signature
from headstart.agent.linux.sysfs import chosen, read_text
from headstart.v1.host_pb2 import Fact

_MEMORY_DEVICE = 17
# Its inode has a fixed number: Linux, include/linux/proc_ns.h, PROC_PID_INIT_INO.
_INITIAL_PID_NAMESPACE = "pid:[4026531836]"


@dataclass(frozen=True)
class System:
    """What is not to be found is "unknown" or 0."""

    operating_system: str
    kernel: str
    cgroup_version: int
    memory_bytes: int
    memory_available_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int
    clock_source: str
    transparent_huge_pages: str
    # randomize_va_space: "0", "1" (stack, mmap, vdso) or "2" (heap too).
    aslr: str
    mitigations_off: bool
    # This agent sees only the processes of its own container.
    in_pid_namespace: bool


def read_system(root: Path = Path("/")) -> System:
    """The host as it is now."""
    memory = parse_meminfo(read_text(root / "proc/meminfo"))
    clock = root / "sys/devices/system/clocksource/clocksource0/current_clocksource"
    huge = root / "sys/kernel/mm/transparent_hugepage/enabled"
    release = read_text(root / "etc/os-release") or read_text(root / "usr/lib/os-release")
    return System(
        operating_system=parse_release(release),
        kernel=read_text(root / "proc/sys/kernel/osrelease") or UNKNOWN,
        cgroup_version=2 if (root / "sys/fs/cgroup/cgroup.controllers").exists() else 1,
        memory_bytes=memory.get("MemTotal", 0),
        memory_available_bytes=memory.get("MemAvailable", 0),
        swap_total_bytes=memory.get("SwapTotal", 0),
        swap_used_bytes=memory.get("SwapTotal", 0) - memory.get("SwapFree", 0),
        clock_source=read_text(clock) or UNKNOWN,
        transparent_huge_pages=chosen(read_text(huge)) or UNKNOWN,
        aslr=read_text(root / "proc/sys/kernel/randomize_va_space") or UNKNOWN,
        mitigations_off="mitigations=off" in read_text(root / "proc/cmdline").split(),
        in_pid_namespace=_in_pid_namespace(root),
    )


def system_facts(root: Path, system: System) -> list[Fact]:
    """What has no field of its own in HostFacts, for a reader; empty values left out."""
    memory = parse_meminfo(read_text(root / "proc/meminfo"))
    cpus = root / "sys/devices/system/cpu"
    speed = parse_memory_speed(_read_bytes(root / "sys/firmware/dmi/tables/DMI"))
    facts = {
        "architecture": platform.machine(),
        "cpu_signature": read_signature(root),
        "l1d_cache_bytes": cache_bytes(root, 1),
        "l2_cache_bytes": cache_bytes(root, 2),
        "frequency_driver": read_text(cpus / "cpu0/cpufreq/scaling_driver"),
        "idle_driver": read_text(cpus / "cpuidle/current_driver"),
        "isolated_cpus": read_text(cpus / "isolated"),
        "clock_source": system.clock_source,
        "memory_available_bytes": system.memory_available_bytes,
        "memory_speed_transfers_per_second": speed or "",
        "swap_total_bytes": system.swap_total_bytes,
        "swap_used_bytes": system.swap_used_bytes,
        "swappiness": read_text(root / "proc/sys/vm/swappiness"),
        "transparent_huge_pages": system.transparent_huge_pages,
        "huge_pages_bytes": memory.get("Hugetlb", 0),
        "numa_balancing": read_text(root / "proc/sys/kernel/numa_balancing"),
        "aslr": system.aslr,
        "mitigations": "off" if system.mitigations_off else "on",
        "pid_namespace": "a container's" if system.in_pid_namespace else "the host's",
    }
    for path in sorted((cpus / "vulnerabilities").glob("*")):
        if (text := read_text(path)) and text != "Not affected":
            facts[f"vulnerability_{path.name}"] = text
    return [Fact(name=name, value=str(value)) for name, value in facts.items() if value != ""]


def parse_meminfo(text: str) -> dict[str, int]:
    """/proc/meminfo in bytes; its counts of pages (HugePages_*) as they are."""
    table = {}
    for name, number, unit in re.findall(r"^(\S+):\s+(\d+)( kB)?$", text, re.MULTILINE):
        table[name] = int(number) * (1024 if unit else 1)
    return table


def parse_release(text: str) -> str:
    """The pretty name of os-release(5)."""
    match = re.search(r'^PRETTY_NAME="?([^"\n]*)"?$', text, re.MULTILINE)
    return match[1] if match else UNKNOWN


def parse_memory_speed(table: bytes) -> int:
    """Transfers per second of the slowest memory device that is filled; 0: not told.

    `table`: SMBIOS structures, each a header of type and length, the fields, and
    strings that end with two zero bytes. Readable by root only; guests mostly
    have none or one without speeds.
    """
    speeds = []
    at = 0
    while at + 4 <= len(table):
        kind, length = table[at], table[at + 1]
        if length < 4:
            break
        if kind == _MEMORY_DEVICE and length >= 0x17:
            # As configured since SMBIOS 2.7, else what the device is capable of.
            field = at + (0x20 if length >= 0x22 else 0x15)
            size = int.from_bytes(table[at + 0x0C : at + 0x0E], "little")
            speed = int.from_bytes(table[field : field + 2], "little")
            if size and 0 < speed < 0xFFFF:
                speeds.append(speed * 1_000_000)
        end = table.find(b"\0\0", at + length)
        if end < 0:
            break
        at = end + 2
    return min(speeds, default=0)


def _in_pid_namespace(root: Path) -> bool:
    try:
        own = (root / "proc/self/ns/pid").readlink()
    except OSError:
        return False
    return str(own) != _INITIAL_PID_NAMESPACE


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
