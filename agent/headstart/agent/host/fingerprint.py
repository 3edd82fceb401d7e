"""The fingerprint: hosts with the same one have comparable absolute figures.

What goes in moves startup, memory or throughput by more than the noise of a
good run and stays over a reboot. Left out on purpose, though recorded:
- the host's name: two machines of one kind are comparable, which is the point;
- microcode and the kernel's patch level: each security update would begin a
  new history, for a change that mostly cannot be measured; where one can, it
  shows as a step in the figures of one fingerprint, with the facts beside it;
- engine, storage driver, agent: startup counts from the exec, after their work;
- load, steal, swap in use, free memory: they change from run to run and flag
  trials instead.
"""

import hashlib
import re
from collections.abc import Iterable

from headstart.agent.host.system import System
from headstart.v1.host_pb2 import Cpu, Fact

# Counts up when the list of inputs changes, so that old and new never mix.
_SCHEME = "1"
_LENGTH = 12


def fingerprint_inputs(cpu: Cpu, signature: str, system: System) -> list[Fact]:
    """What is hashed, in that order."""
    inputs = {
        "scheme": _SCHEME,
        "cpu_model": cpu.model,
        "cpu_signature": signature,
        "sockets": cpu.sockets,
        "cores": cpu.cores,
        "threads": cpu.threads,
        "numa_nodes": cpu.numa_nodes,
        "smt": cpu.smt,
        "l3_cache_bytes": cpu.l3_cache_bytes,
        "memory_gibibytes": f"{installed_bytes(system.memory_bytes) / 2**30:g}",
        # A machine that clocks otherwise is, for absolute figures, another machine.
        "governor": cpu.governor,
        "turbo": cpu.turbo,
        "virtualisation": cpu.virtualisation,
        "kernel": major_minor(system.kernel),
        # Decides what the memory of a group contains and how it is counted.
        "cgroup_version": system.cgroup_version,
        # "always" adds tens of MB to the RSS of a JVM or .NET heap.
        "transparent_huge_pages": system.transparent_huge_pages,
        # System calls cost up to a third more with them.
        "mitigations": "off" if system.mitigations_off else "on",
    }
    return [Fact(name=name, value=str(value)) for name, value in inputs.items()]


def fingerprint(inputs: Iterable[Fact]) -> str:
    """12 hexadecimal digits: with 10,000 kinds of machine, a chance of 2e-7 that two meet."""
    text = "".join(f"{fact.name}={fact.value}\n" for fact in inputs)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]


def installed_bytes(memory_bytes: int) -> int:
    """Memory as it was bought: up to the next eighth of a power of two.

    The kernel keeps 1 to 4 % for itself, a little more or less with each release.
    """
    if memory_bytes < 8:
        return memory_bytes
    step = 1 << (memory_bytes.bit_length() - 4)
    return -(-memory_bytes // step) * step


def major_minor(kernel: str) -> str:
    """ "6.18" of "6.18.44-generic"; another text stays as it is."""
    match = re.match(r"\d+\.\d+", kernel)
    return match[0] if match else kernel
