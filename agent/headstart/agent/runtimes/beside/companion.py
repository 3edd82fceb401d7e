"""One companion: its container, and what it takes."""

import time
from contextlib import ExitStack
from dataclasses import replace

from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.instances import CompanionSpec, InstanceSpec, instance_name
from headstart.agent.linux.cgroup import PeakSince, open_cgroup
from headstart.agent.linux.sysfs import online_cpus, parse_cpus
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.beside.companion_ready import (
    fault,
    put_in,
    quoted,
    raise_if_ended,
    wait_until_ready,
)
from headstart.agent.runtimes.container_specs import container_of
from headstart.agent.runtimes.docker_instance import DockerInstance
from headstart.agent.runtimes.lending import Lender
from headstart.agent.runtimes.ports import listeners
from headstart.v1.experiment_pb2 import CompanionLife, Plan
from headstart.v1.records_pb2 import CompanionUse


class Companion:
    """A companion that is ready and holds its seed; `stop` it.

    The constructor takes `instance` over: where it does not get ready, it is stopped, and a
    RuntimeFault(COMPANION) says why.
    """

    def __init__(self, spec: CompanionSpec, instance: DockerInstance, engine: Engine) -> None:
        self.name = spec.companion.name
        self.instance = instance
        self.is_of_the_run = spec.companion.life == CompanionLife.COMPANION_LIFE_RUN
        with ExitStack() as undo:
            undo.callback(instance.stop)
            instance.open_gate()
            shown = f"the companion {self.name!r}"
            wait_until_ready(shown, instance, spec.companion.ready, engine)
            if spec.companion.HasField("seed"):
                put_in(shown, instance, spec.companion.seed, engine)
            raise_if_ended(shown, instance, "before the app was started")
            self._ready_seconds = (time.monotonic_ns() - instance.create_ns) / 1e9
            self._reader = open_cgroup(instance.cgroup) if instance.cgroup else None
            if self._reader is not None:
                undo.callback(self._reader.close)
                self._peak = PeakSince(self._reader)
            self._cpu_ns = 0
            self._oom_kills = 0
            self._undo = undo.pop_all()

    def begin(self, is_new: bool) -> None:
        """What it takes counts from now; `is_new`: it was made for this trial."""
        if not is_new:
            self._ready_seconds = 0.0
        if self._reader is not None:
            self._peak.begin()
            self._cpu_ns = self._reader.cpu_ns() or 0
            self._oom_kills = 0 if is_new else self._reader.oom_kills() or 0

    def raise_if_on_port_of(self, spec: InstanceSpec) -> None:
        """RuntimeFault(COMPANION) where it listens on a port at which the app will be asked.

        The file states not every port; the app could not listen, or would be mistaken for it.
        """
        ports = {**spec.own_ports, **({spec.port: "service.port"} if spec.port else {})}
        for each in listeners(self.instance.pids(), alone=False):
            if key := ports.get(each.port):
                tail = self.instance.output_tail()
                raise fault(
                    f"the companion {self.name!r} listens on port {each.port}, which is the app's"
                    f" ({key}), and both are in one network: let one of them listen on another",
                    tail,
                )

    def raise_if_spoilt(self) -> None:
        """RuntimeFault(COMPANION) where it ended since `begin`, or lost a process to its limit.

        What lives on then was not what the app had asked for.
        """
        shown = f"the companion {self.name!r}"
        raise_if_ended(shown, self.instance, "in the middle")
        kills = (self._reader.oom_kills() or 0) if self._reader is not None else 0
        if kills > self._oom_kills:
            count = kills - self._oom_kills
            what = "a process" if count == 1 else f"{count} processes"
            tail = self.instance.output_tail()
            raise fault(
                f"{shown} lost {what} in the middle, which the kernel killed for want of memory:"
                f" give it more (beside.{self.name}.memory){quoted(tail)}",
                tail,
            )

    def use(self) -> CompanionUse:
        """What it took since `begin`; what cannot be read stays 0."""
        use = CompanionUse(name=self.name, ready_seconds=self._ready_seconds)
        if self._reader is not None:
            if cpu_ns := self._reader.cpu_ns():
                use.cpu_seconds = (cpu_ns - self._cpu_ns) / 1e9
            use.memory_bytes = self._reader.memory_bytes() or 0
            use.memory_peak_bytes = self._peak.bytes() or 0
            use.oom_kills = self._reader.oom_kills() or 0
        return use

    def stop(self) -> None:
        """Kill and remove it; RuntimeFault when the engine does not answer."""
        self._undo.close()


def companion_container(
    spec: InstanceSpec,
    beside: CompanionSpec,
    policy: Policy,
    identity: str,
    network: str,
    lender: Lender,
) -> ContainerSpec:
    """How the engine is to make it; RuntimeFault where the policy refuses what it asks for."""
    companion = beside.companion
    made = container_of(
        spec,
        f"{instance_name(spec)}-beside-{companion.name}",
        beside.resolved,
        policy,
        identity,
        network,
        companion.memory_limit_bytes,
        lender,
    )
    return replace(made, cpuset=companion.cpus or _left_by(spec.plan), cpus=companion.cpu_limit)


def _left_by(plan: Plan) -> str:
    """The CPUs that the app is not pinned to; empty: all, where none is left or it is not."""
    pinned = parse_cpus(plan.server_cpus)
    left = online_cpus() - pinned
    return ",".join(map(str, sorted(left))) if pinned and left else ""
