"""The processor of this host: model, topology, caches, clocking, hypervisor.

Everything is read below a root folder, so that a test can hand in a tree of
another machine. Sources: kernel documentation, ABI/testing/sysfs-devices-system-cpu,
admin-guide/pm/cpufreq.rst and intel_pstate.rst; /proc/cpuinfo of x86.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.linux.sysfs import parse_cpus, read_text
from headstart.v1.host_pb2 import Cpu

UNKNOWN = "unknown"
# Words in the names of the firmware's maker and product -> the hypervisor.
_FIRMWARE = (
    ("virtualbox", "virtualbox"),
    ("innotek", "virtualbox"),
    ("vmware", "vmware"),
    ("microsoft corporation virtual machine", "hyper-v"),
    ("amazon ec2", "kvm (Amazon EC2)"),
    ("google", "kvm (Google)"),
    ("xen", "xen"),
    ("parallels", "parallels"),
    ("bhyve", "bhyve"),
    ("qemu", "kvm"),
    ("kvm", "kvm"),
    ("openstack", "kvm"),
)
# A guest is offered the clock of its hypervisor.
_GUEST_CLOCKS = (("kvm-clock", "kvm"), ("hyperv", "hyper-v"), ("xen", "xen"))


@dataclass(frozen=True)
class CpuInfo:
    """The first processor of /proc/cpuinfo."""

    model: str
    # Family, model and stepping: in a guest the model's name may be just "AMD EPYC".
    signature: str
    microcode: str
    in_guest: bool


@dataclass(frozen=True)
class CpuPlace:
    """Where a CPU, as Linux counts them, sits."""

    package: str
    # The CPUs that share its core, itself included.
    siblings: frozenset[int]


def read_cpu(root: Path = Path("/")) -> Cpu:
    """What is not to be found is "unknown" or 0."""
    info = parse_cpuinfo(read_text(root / "proc/cpuinfo"))
    system = root / "sys/devices/system"
    places = read_places(root)
    return Cpu(
        model=info.model,
        microcode=info.microcode,
        sockets=len({place.package for place in places.values()}),
        cores=len({place.siblings for place in places.values()}),
        threads=len(places),
        numa_nodes=len(list((system / "node").glob("node[0-9]*"))),
        l3_cache_bytes=cache_bytes(root, 3),
        governor=_governor(system / "cpu"),
        turbo=_turbo(system / "cpu"),
        smt=_smt(places),
        virtualisation=_virtualisation(root, info),
        frequency_max_hertz=_frequency_max_hertz(system / "cpu"),
    )


def read_signature(root: Path = Path("/")) -> str:
    """Family, model and stepping in words."""
    return parse_cpuinfo(read_text(root / "proc/cpuinfo")).signature


def read_places(root: Path = Path("/")) -> dict[int, CpuPlace]:
    """The place of every CPU that is online."""
    folder = root / "sys/devices/system/cpu"
    places = {}
    for cpu in sorted(parse_cpus(read_text(folder / "online"))):
        topology = folder / f"cpu{cpu}/topology"
        siblings = parse_cpus(read_text(topology / "thread_siblings_list")) or frozenset({cpu})
        places[cpu] = CpuPlace(read_text(topology / "physical_package_id"), siblings)
    return places


def parse_cpuinfo(text: str) -> CpuInfo:
    """From the first block of /proc/cpuinfo; what it lacks is "unknown"."""
    block = text.split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in block.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in pairs}
    parts = (("family", "cpu family"), ("model", "model"), ("stepping", "stepping"))
    return CpuInfo(
        model=re.sub(r"\s+", " ", fields.get("model name", UNKNOWN)),
        signature=" ".join(f"{word} {fields.get(name, UNKNOWN)}" for word, name in parts),
        microcode=fields.get("microcode", UNKNOWN),
        in_guest="hypervisor" in fields.get("flags", "").split(),
    )


def cache_bytes(root: Path, level: int) -> int:
    """All data or unified caches of a level together, each counted once."""
    caches = {}
    for index in root.glob("sys/devices/system/cpu/cpu[0-9]*/cache/index[0-9]*"):
        if read_text(index / "level") == str(level) and read_text(index / "type") != "Instruction":
            caches[read_text(index / "shared_cpu_list")] = parse_size(read_text(index / "size"))
    return sum(caches.values())


def parse_size(text: str) -> int:
    """Bytes of a size such as "32768K"; 0 when it is none."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    return int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]] if match else 0


def hypervisor(in_guest: bool, firmware: str, clocks: str, xen: bool) -> str:
    """Its name; "none" on bare metal, "unknown" for a guest that does not show whose it is."""
    if not in_guest:
        return "xen" if xen else "none"
    for word, name in _FIRMWARE:
        if word in firmware.lower():
            return name
    for word, name in _GUEST_CLOCKS:
        if word in clocks:
            return name
    return UNKNOWN


def _virtualisation(root: Path, info: CpuInfo) -> str:
    firmware = root / "sys/class/dmi/id"
    maker = f"{read_text(firmware / 'sys_vendor')} {read_text(firmware / 'product_name')}"
    clocks = read_text(root / "sys/devices/system/clocksource/clocksource0/available_clocksource")
    return hypervisor(
        info.in_guest, maker, clocks, read_text(root / "sys/hypervisor/type") == "xen"
    )


def _governor(cpus: Path) -> str:
    found = _each(cpus.glob("cpu[0-9]*/cpufreq/scaling_governor"))
    return ",".join(sorted(found)) or UNKNOWN


def _turbo(cpus: Path) -> str:
    no_turbo = read_text(cpus / "intel_pstate/no_turbo")
    if no_turbo:
        return "off" if no_turbo == "1" else "on"
    # acpi-cpufreq has one switch, newer amd-pstate one for each CPU.
    boost = _each(cpus.glob("cpufreq/boost")) or _each(cpus.glob("cpufreq/policy*/boost"))
    if not boost:
        return UNKNOWN
    return "off" if boost == {"0"} else "on"


def _smt(places: Mapping[int, CpuPlace]) -> str:
    if not places:
        return UNKNOWN
    return "on" if any(len(place.siblings) > 1 for place in places.values()) else "off"


def _frequency_max_hertz(cpus: Path) -> float:
    found = _each(cpus.glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq"))
    return max((float(text) * 1000 for text in found), default=0.0)


def _each(paths: Iterable[Path]) -> set[str]:
    """The different texts of these files."""
    return {text for path in paths if (text := read_text(path))}
