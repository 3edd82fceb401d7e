"""What makes the containers of checks: as little privileged as the app's, beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.http.container_checks import ContainerEnded
from headstart.agent.instances import InstanceSpec, RuntimeFault, check_name
from headstart.agent.policy.keys import SMALLEST_MEMORY_BYTES
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.check_container import run_to_end
from headstart.agent.runtimes.container_specs import container_of
from headstart.agent.runtimes.lending import Lender, remarks
from headstart.agent.runtimes.needs_checks import (
    beyond_kernel,
    beyond_memory,
    most_open_files,
    problems_of,
)
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.runtimes.runtime import ChecksSpec, Instance
from headstart.v1.experiment_pb2 import ContainerCheck, Experiment, Network, Plan
from headstart.v1.records_pb2 import FailureCode, ResolvedVariant
from headstart.words.containers import CHECK_PREFIX, checks_of
from headstart.words.test_reports import URL_VARIABLE, junit_fault


@dataclass(frozen=True)
class DockerChecker:
    """See `Checker`. `identity` is that of the agent's state folder, `folder` of its gates."""

    engine: Engine
    policy: Policy
    identity: str
    folder: Path
    lender: Lender

    def checks_beside(self, instance: Instance, spec: ChecksSpec) -> "_Tests":
        """See `Checker`."""
        return _Tests(self, instance, spec)

    def check_obstacles(self, experiment: Experiment) -> Iterator[Obstacle]:
        """See `Checker`."""
        refused = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
        unusable = FailureCode.FAILURE_CODE_AGENT
        commands = any(each.HasField("command") for each in experiment.variants)
        beside_commands = self.policy.network_refusal(Network.NETWORK_HOST) if commands else None
        for placed in checks_of(experiment):
            check = experiment.service.checks[int(placed.path[-1])]
            asked = check.container.memory_limit_bytes
            if beside_commands:
                words = (
                    f"the container of '{check.name}' has to be in the host's network, where the"
                    " variants that are commands listen, and the policy of this host does not"
                    " allow that network (networks)"
                )
                yield Obstacle(placed.path, words, refused, forbids=True)
            if too_much := self.policy.memory_refusal(asked):
                yield Obstacle((*placed.path, "memory"), too_much, refused, forbids=True)
            elif 0 < asked < SMALLEST_MEMORY_BYTES:
                words = "an engine gives no container less than 6 MiB of memory"
                yield Obstacle((*placed.path, "memory"), words, unusable, forbids=True)
            limit = asked or self.policy.memory_limit_bytes
            needs = placed.container.needs
            found = [
                *problems_of(needs, self.policy),
                *beyond_memory(needs, limit, "its memory"),
                *beyond_kernel(needs, most_open_files()),
            ]
            lent, of_paths = ([], []) if found else self.lender.look(needs, self.policy)
            for key, words, code in (*found, *of_paths):
                words = f"{check.name}: {words}"
                yield Obstacle((*placed.path, key), words, code, forbids=True)
            for words in remarks(lent):
                path = (*placed.path, "volumes")
                yield Obstacle(path, f"{check.name}: {words}", unusable, blocks=False)
            if words := junit_fault(check.container.junit, placed.container.needs.tmpfs_bytes):
                yield Obstacle((*placed.path, "junit"), words, unusable, forbids=True)


@dataclass(frozen=True)
class _Tests:
    """See `CheckContainers`."""

    checker: DockerChecker
    instance: Instance
    spec: ChecksSpec

    def run(self, number: int, check: ContainerCheck, url: str) -> ContainerEnded:
        """See `CheckContainers`."""
        found = self.spec.containers.get(f"{CHECK_PREFIX}{number}", ResolvedVariant())
        if not found.digest:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_AGENT, f"the container of check {number} was not resolved"
            )
        spec = self._container(number, check, found, url)
        try:
            return run_to_end(
                self.checker.engine, spec, self.checker.folder / spec.name, check, self._app_lives()
            )
        except OSError as error:
            words = f"{spec.name} could not be prepared: {error}"
            raise RuntimeFault(FailureCode.FAILURE_CODE_AGENT, words) from error

    def _app_lives(self) -> Callable[[], bool]:
        return lambda: self.instance.exited() is None

    def _container(
        self, number: int, check: ContainerCheck, found: ResolvedVariant, url: str
    ) -> ContainerSpec:
        policy, run = self.checker.policy, self.spec
        around = self.instance.surroundings
        if around.network == "host" and (refused := policy.network_refusal(Network.NETWORK_HOST)):
            raise RuntimeFault(FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, refused)
        container = container_of(
            InstanceSpec(run.run_id, run.attempt, run.trial, found, Plan(), port=0),
            check_name(run.run_id, run.attempt, run.trial, number),
            found,
            policy,
            self.checker.identity,
            around.network,
            check.memory_limit_bytes,
            self.checker.lender,
        )
        return replace(
            container,
            environment={**found.environment, URL_VARIABLE: url},
            hosts={**around.hosts, **container.hosts},
            cpuset=run.cpus,
        )
