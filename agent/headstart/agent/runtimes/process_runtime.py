"""The runtime without an engine: a variant's command as a process of this host."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.instances import (
    InstanceSpec,
    RuntimeFault,
    instance_name,
    mark_entry,
    state_id,
)
from headstart.agent.linux.sysfs import parse_cpus
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.commands import ResolvedCommand, changed_file, resolve_command
from headstart.agent.runtimes.members import kill_all, marked
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.runtimes.ports import require_free_ports
from headstart.agent.runtimes.process_cgroup import CgroupParent, Limits
from headstart.agent.runtimes.process_instance import ProcessInstance, ProcessSpec
from headstart.agent.runtimes.runtime import Connect
from headstart.v1.experiment_pb2 import Experiment, Variant
from headstart.v1.records_pb2 import Failure, FailureCode, ImageFacts, ResolvedVariant

_KILL_SECONDS = 10.0
_LIMITS_DO_NOT_HOLD = (
    "the plan's limits of memory and CPU do not hold: on this host a process gets no control"
    " group of its own (is the agent root?)"
)


class ProcessRuntime:
    """Each instance in a session, and where this host permits in a control group, of its own."""

    name = "process"
    # What the kernel does not let go of has no name that an agent could remove later.
    left_behind: Sequence[str] = ()
    builder = None
    puller = None
    checker = None

    def __init__(self, state: Path, policy: Policy, cancelled: Cancellation | None = None) -> None:
        """`cancelled`: of the run that it serves."""
        self._cancelled = cancelled or Cancellation()
        self._policy = policy
        self._identity = state_id(state)
        self._folder = state.resolve() / "processes"
        # Made with the first instance; None also where this host permits none.
        self._cgroups: CgroupParent | None = None
        # Of the variants of this run, by name.
        self._commands: dict[str, ResolvedCommand] = {}

    def resolve(self, variant: Variant, base_directory: str) -> ResolvedVariant:
        """See `commands.resolve_command`; refused unless the policy allows commands."""
        if not self._policy.commands:
            return ResolvedVariant(
                variant=variant.name,
                failure=Failure(
                    code=FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
                    message=f"{variant.name} is a command, which the policy of this host does not"
                    " allow (commands = false)",
                ),
            )
        try:
            command = resolve_command(variant, base_directory, os.environ, self._cancelled)
        except Cancelled as cancelled:
            failure = Failure(code=FailureCode.FAILURE_CODE_CANCELLED, message=str(cancelled))
            return ResolvedVariant(variant=variant.name, failure=failure)
        self._commands[variant.name] = command
        return command.variant

    def engine(self) -> None:
        """See `Runtime`."""

    def obstacles(self, experiment: Experiment) -> Iterator[Obstacle]:
        """See `Runtime`."""
        plan = experiment.plan
        if words := self._policy.memory_refusal(plan.memory_limit_bytes):
            code = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
            yield Obstacle(("plan", "memory"), words, code)
        if (plan.memory_limit_bytes or plan.cpu_limit) and self._open_cgroups() is None:
            key = "memory" if plan.memory_limit_bytes else "cpu_limit"
            code = FailureCode.FAILURE_CODE_AGENT
            yield Obstacle(("plan", key), _LIMITS_DO_NOT_HOLD, code, blocks=False)

    def image_facts(
        self,
        variant: ResolvedVariant,
        cancelled: Callable[[], bool],  # noqa: ARG002  # Runtime
    ) -> ImageFacts | None:
        """See `Runtime` and `image.command`."""
        # An agent at rest is not to hold it in memory.
        from headstart.agent.image.command import command_facts

        return command_facts(variant)

    def create(self, spec: InstanceSpec) -> ProcessInstance:
        """Start the gate with the command behind it, within the plan's limits."""
        name = instance_name(spec)
        limits = Limits(
            self._policy.memory_limit(spec.plan.memory_limit_bytes),
            spec.plan.cpu_limit,
            self._policy.pids_limit,
        )
        process = ProcessSpec(
            identity=self._identity,
            name=name,
            argv=[*spec.variant.argv, *spec.arguments],
            environment=spec.variant.environment,
            working_directory=spec.variant.working_directory,
            address=spec.address,
            cpus=parse_cpus(spec.plan.server_cpus),
            limits=limits,
            batch=spec.batch,
        )
        self._require_unchanged(spec.variant)
        require_free_ports(spec)
        cgroups = self._open_cgroups()
        try:
            instance = ProcessInstance(process, self._folder / name, cgroups, self._cancelled)
        except OSError as error:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_AGENT, f"{name} could not be prepared: {error}"
            ) from error

        if cgroups is None and (spec.plan.memory_limit_bytes or spec.plan.cpu_limit):
            instance.notes = [_LIMITS_DO_NOT_HOLD]
        return instance

    def remove_orphans(self) -> list[str]:
        """See `Runtime`; found by the mark in the environment, by control group and by folder."""
        kill_all(partial(marked, mark_entry(self._identity)), _KILL_SECONDS)
        names = set()
        cgroups = self._open_cgroups()
        for group in cgroups.groups() if cgroups else []:
            group.remove()
            names.add(group.name)
        for folder in self._folder.iterdir() if self._folder.is_dir() else []:
            shutil.rmtree(folder)
            names.add(folder.name)
        return sorted(names)

    def close(self) -> None:
        """See `Runtime`."""
        if self._cgroups is not None:
            self._cgroups.close()
            self._cgroups = None

    def _open_cgroups(self) -> CgroupParent | None:
        if self._cgroups is None:
            self._cgroups = CgroupParent.open(f"headstart-{self._identity}")
        return self._cgroups

    def _require_unchanged(self, variant: ResolvedVariant) -> None:
        command = self._commands.get(variant.variant)
        file = changed_file(command.files) if command else None
        if file is not None:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_AGENT,
                f"{file} changed during the run: {variant.variant} is no longer what was measured",
            )


CONNECT: Connect = ProcessRuntime
