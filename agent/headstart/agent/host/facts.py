"""Everything worth knowing of this host, as it is found when asked."""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from headstart.agent.host.activity import load_facts, watch_load
from headstart.agent.host.advice import Readings, advise
from headstart.agent.host.cpu import read_cpu, read_places, read_signature
from headstart.agent.host.fingerprint import fingerprint, fingerprint_inputs
from headstart.agent.host.system import read_system, system_facts
from headstart.v1.host_pb2 import Engine, Fact, HostFacts


def host_facts(
    name: str,
    labels: Mapping[str, str],
    engine: Engine | None,
    load_drivers: Sequence[tuple[str, str]],
    *,
    server_cpus: str = "",
    load_cpus: str = "",
    root: Path = Path("/"),
    watch_seconds: float = 0.25,
) -> HostFacts:
    """Facts, fingerprint and advice; takes `watch_seconds`, in which the load is watched.

    `engine`: what the container engine says of itself, None when none answers.
    `server_cpus` and `load_cpus` are the plan's, where there is one.
    """
    cpu, system = read_cpu(root), read_system(root)
    load = watch_load(root, watch_seconds)
    inputs = fingerprint_inputs(cpu, read_signature(root), system)
    readings = Readings(
        cpu=cpu,
        places=read_places(root),
        system=system,
        load=load,
        has_engine=engine is not None,
        is_root=os.geteuid() == 0,
        server_cpus=server_cpus,
        load_cpus=load_cpus,
    )
    return HostFacts(
        host=name,
        fingerprint=fingerprint(inputs),
        fingerprint_inputs=inputs,
        cpu=cpu,
        memory_bytes=system.memory_bytes,
        kernel=system.kernel,
        cgroup_version=system.cgroup_version,
        engine=engine,
        other=[*system_facts(root, system), *load_facts(load)],
        advice=advise(readings),
        labels=labels,
        agent_version=version("headstart"),
        operating_system=system.operating_system,
        load_drivers=[Fact(name=driver, value=number) for driver, number in load_drivers],
    )
