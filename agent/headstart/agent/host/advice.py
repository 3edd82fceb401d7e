"""What about a host spoils measurements, and what helps: one check for each cause.

Each check is a function from readings to advice; a check whose facts cannot be
read says nothing. Adding one is a function and its place in `CHECKS`.
BAD means that figures from here cannot be trusted, WARNING that they are wider
or other than they need be.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from headstart.agent.host.activity import HostLoad
from headstart.agent.host.cpu import UNKNOWN, CpuPlace
from headstart.agent.host.quiet import IDLE_SHARE
from headstart.agent.host.system import System
from headstart.agent.linux.sysfs import parse_cpus
from headstart.v1.host_pb2 import Advice, AdviceLevel, Cpu

GOOD = AdviceLevel.ADVICE_LEVEL_GOOD
WARNING = AdviceLevel.ADVICE_LEVEL_WARNING
BAD = AdviceLevel.ADVICE_LEVEL_BAD

# The quiet gate waits for IDLE_SHARE before each start; below this one it will not come.
_BUSY_IDLE_SHARE = 0.75
# 1 % of stolen time is 0.1 ms in a start of 10 ms; 5 % hides most real differences.
_STEAL_SHARE = 0.01
_BAD_STEAL_SHARE = 0.05
_PRESSURE_SHARE = 0.10
_LOW_MEMORY_BYTES = 1 << 30
_TOO_LITTLE_MEMORY_BYTES = 256 << 20
# Read without a system call: in the vDSO. Others cost 1 us and more a stamp.
_FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")
# Linux that lets memory.peak of version 2 be reset.
_PEAK_RESET_KERNEL = (6, 12)


@dataclass(frozen=True)
class Readings:
    """What the checks look at."""

    cpu: Cpu
    places: Mapping[int, CpuPlace]
    system: System
    load: HostLoad
    has_engine: bool
    is_root: bool
    # Of the plan; empty: not pinned, or no plan yet.
    server_cpus: str = ""
    load_cpus: str = ""


def advise(readings: Readings) -> list[Advice]:
    """All advice for a host, in the order of the checks."""
    return [advice for check in CHECKS for advice in check(readings)]


def _cores(readings: Readings) -> Iterator[Advice]:
    cpu = readings.cpu
    if not cpu.threads:
        return
    if cpu.threads < 2:
        yield _advice(
            BAD,
            "cores",
            "There is one CPU: server, prober, sampler and load generator share it.",
            "Use a host with two cores or more.",
        )
    elif cpu.cores < 2:
        yield _advice(
            WARNING,
            "cores",
            f"There is one core with {cpu.threads} threads: the load generator runs on the "
            "server's core.",
            "Use a host with two cores or more.",
        )
    else:
        yield _advice(GOOD, "cores", f"There are {cpu.cores} cores.")


def _smt(readings: Readings) -> Iterator[Advice]:
    if readings.cpu.smt != "on":
        if readings.cpu.smt == "off":
            guest = readings.cpu.virtualisation != "none"
            limit = ", as far as a virtual machine can see" if guest else ""
            yield _advice(GOOD, "smt", f"No two CPUs share a core{limit}.")
        return
    shared = shared_cores(readings.server_cpus, readings.load_cpus, readings.places)
    if shared:
        pairs = ", ".join(f"{server} and {load}" for server, load in shared)
        yield _advice(
            BAD,
            "smt",
            f"Server and load generator are pinned to threads of one core: CPUs {pairs}.",
            "Choose plan.cpus of different cores (thread_siblings_list in /sys names the pairs).",
        )
    elif readings.server_cpus and readings.load_cpus:
        yield _advice(GOOD, "smt", "Server and load generator are pinned to different cores.")
    else:
        yield _advice(
            WARNING,
            "smt",
            "Two threads share each core (SMT): what runs on one slows the other.",
            "Pin server and load generator to different cores with plan.cpus, or switch SMT off: "
            "echo off > /sys/devices/system/cpu/smt/control",
        )


def _governor(readings: Readings) -> Iterator[Advice]:
    governor = readings.cpu.governor
    if governor == UNKNOWN:
        return
    if governor == "performance":
        yield _advice(GOOD, "governor", "The frequency governor is performance.")
    else:
        yield _advice(
            WARNING,
            "governor",
            f"The frequency governor is {governor}: short starts run at a lower frequency.",
            "cpupower frequency-set --governor performance",
        )


def _turbo(readings: Readings) -> Iterator[Advice]:
    if readings.cpu.turbo == "off":
        yield _advice(GOOD, "turbo", "Turbo is off: the frequency does not depend on heat.")
    elif readings.cpu.turbo == "on":
        yield _advice(
            WARNING,
            "turbo",
            "Turbo is on: the frequency depends on heat and on what other cores do.",
            "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or "
            "echo 0 > /sys/devices/system/cpu/cpufreq/boost",
        )


def _virtualisation(readings: Readings) -> Iterator[Advice]:
    name = readings.cpu.virtualisation
    if name == "none":
        yield _advice(GOOD, "virtualisation", "The host is no virtual machine.")
    elif name:
        yield _advice(
            WARNING,
            "virtualisation",
            f"The host is a virtual machine ({name}): neighbours that cannot be seen from here "
            "move wall-clock times.",
            "Read CPU times beside wall-clock times, or use a dedicated machine.",
        )


def _steal(readings: Readings) -> Iterator[Advice]:
    now, since_boot = readings.load.steal_share, readings.load.steal_share_since_boot
    if now is None or since_boot is None:
        return
    if max(now, since_boot) < _STEAL_SHARE:
        yield _advice(GOOD, "steal", "The hypervisor keeps no CPU time.")
    else:
        yield _advice(
            BAD if now >= _BAD_STEAL_SHARE else WARNING,
            "steal",
            f"The hypervisor keeps {now:.1%} of the CPU time now, {since_boot:.1%} since boot: "
            "noisy neighbours or a credit limit.",
            "Use an instance with dedicated CPUs.",
        )


def _background(readings: Readings) -> Iterator[Advice]:
    idle, pressure = readings.load.idle_share, readings.load.cpu_pressure_share or 0.0
    if idle is None:
        return
    average = readings.load.load_average_1m
    found = f"The host is {idle:.0%} idle"
    if average is not None:
        found += f", load average {average:.2f}"
    if idle >= IDLE_SHARE and pressure < _PRESSURE_SHARE:
        yield _advice(GOOD, "background-load", f"{found}.")
        return
    if pressure >= _PRESSURE_SHARE:
        found += f"; tasks waited for a CPU in {pressure:.0%} of the last minute"
    yield _advice(
        BAD if idle < _BUSY_IDLE_SHARE else WARNING,
        "background-load",
        f"{found}: other work runs beside the measurement.",
        "Stop other work on this host; `top` names it.",
    )


def _clock(readings: Readings) -> Iterator[Advice]:
    source = readings.system.clock_source
    if source == UNKNOWN:
        return
    if source in _FAST_CLOCKS:
        yield _advice(GOOD, "clock-source", f"The clock source is {source}.")
    else:
        yield _advice(
            WARNING,
            "clock-source",
            f"The clock source is {source}: each stamp is a system call of 1 us and more.",
            "Find out why the kernel gave up the TSC: dmesg | grep -i tsc",
        )


def _memory(readings: Readings) -> Iterator[Advice]:
    system = readings.system
    available = system.memory_available_bytes
    if system.memory_bytes and available < _LOW_MEMORY_BYTES:
        yield _advice(
            BAD if available < _TOO_LITTLE_MEMORY_BYTES else WARNING,
            "memory",
            f"Only {available >> 20} MiB of memory are available: page cache and heaps compete.",
            "Stop other work on this host or give it more memory.",
        )
    elif system.memory_bytes:
        yield _advice(GOOD, "memory", f"{available / 2**30:.1f} GiB of memory are available.")


def _swap(readings: Readings) -> Iterator[Advice]:
    used = readings.system.swap_used_bytes
    if used:
        yield _advice(
            WARNING,
            "swap",
            f"{used >> 20} MiB are swapped out: what is swapped counts in no RSS, and reading it "
            "back takes milliseconds.",
            "swapoff -a && swapon -a, or do without swap on a host that measures.",
        )
    else:
        yield _advice(GOOD, "swap", "Nothing is swapped out.")


def _aslr(readings: Readings) -> Iterator[Advice]:
    if readings.system.aslr == "2":
        yield _advice(GOOD, "aslr", "Addresses are randomised: layout differs from trial to trial.")
    elif readings.system.aslr != UNKNOWN:
        # Curtsinger & Berger, STABILIZER, ASPLOS 2013: layout alone moves run time by
        # more than many optimisations do.
        yield _advice(
            WARNING,
            "aslr",
            "Addresses are not fully randomised: all trials share one memory layout, whose luck "
            "passes for a property of the variant.",
            "sysctl kernel.randomize_va_space=2",
        )


def _huge_pages(readings: Readings) -> Iterator[Advice]:
    setting = readings.system.transparent_huge_pages
    if setting == "always":
        yield _advice(
            WARNING,
            "huge-pages",
            "Transparent huge pages are always on: RSS grows by untouched parts of 2 MiB pages, "
            "and khugepaged works in the background.",
            "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        )
    elif setting != UNKNOWN:
        yield _advice(GOOD, "huge-pages", f"Transparent huge pages: {setting}.")


def _cgroup(readings: Readings) -> Iterator[Advice]:
    system = readings.system
    if system.cgroup_version == 1:
        yield _advice(GOOD, "cgroup", "Control groups version 1: the peak of memory can be reset.")
    elif kernel_version(system.kernel) >= _PEAK_RESET_KERNEL:
        yield _advice(GOOD, "cgroup", "Control groups version 2: the peak of memory can be reset.")
    else:
        yield _advice(
            WARNING,
            "cgroup",
            "Control groups version 2 before Linux 6.12 cannot reset the peak of memory: where "
            "there was a higher one before, the largest of 50 readings a second stands in for it.",
            "Use Linux 6.12 or later, or read the peak of RSS instead.",
        )


def _engine(readings: Readings) -> Iterator[Advice]:
    if readings.has_engine:
        yield _advice(GOOD, "engine", "A container engine answers.")
    else:
        yield _advice(
            WARNING,
            "engine",
            "No container engine answers: only variants with `command` can be measured.",
            "Install Docker Engine and let this user reach its socket.",
        )


def _root(readings: Readings) -> Iterator[Advice]:
    if readings.is_root:
        yield _advice(GOOD, "root", "The agent is root.")
    else:
        yield _advice(
            WARNING,
            "root",
            "The agent is not root: no cross-check of the exec time by the kernel's proc "
            "connector, no cold page cache, no PSS of other users' processes, and containers in "
            "the engine's bridge in place of a network of their own.",
            "Run the agent as root.",
        )


def _namespace(readings: Readings) -> Iterator[Advice]:
    if readings.system.in_pid_namespace:
        yield _advice(
            WARNING,
            "pid-namespace",
            "The agent runs in a container and does not see the host's processes: no memory of "
            "other containers' processes, no proc connector.",
            "Start its container with --pid host --network host.",
        )


CHECKS: tuple[Callable[[Readings], Iterator[Advice]], ...] = (
    _cores,
    _smt,
    _governor,
    _turbo,
    _virtualisation,
    _steal,
    _background,
    _clock,
    _memory,
    _swap,
    _aslr,
    _huge_pages,
    _cgroup,
    _engine,
    _root,
    _namespace,
)


def shared_cores(
    server_cpus: str, load_cpus: str, places: Mapping[int, CpuPlace]
) -> list[tuple[int, int]]:
    """Pairs of a server's CPU and a generator's that are threads of one core, or one CPU."""
    loads = parse_cpus(load_cpus)
    pairs = []
    for server in sorted(parse_cpus(server_cpus)):
        threads = {server, *(places[server].siblings if server in places else ())}
        pairs += [(server, load) for load in sorted(threads & loads)]
    return pairs


def kernel_version(kernel: str) -> tuple[int, int]:
    """(6, 18) of "6.18.44-generic"; (0, 0) of another text."""
    match = re.match(r"(\d+)\.(\d+)", kernel)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _advice(level: AdviceLevel.ValueType, code: str, finding: str, remedy: str = "") -> Advice:
    return Advice(level=level, code=code, finding=finding, remedy=remedy)
