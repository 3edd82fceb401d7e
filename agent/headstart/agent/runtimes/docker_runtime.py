"""The runtime of images: a fresh container for each trial, as little privileged as can be.

What builds and describes images is imported when it is needed: an agent at rest is not to
hold it in memory.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from headstart.agent.builds.ledger import Ledger
from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.engine.pull_ledger import PullEntry, PullLedger
from headstart.agent.engine.pull_removal import remove_pulled
from headstart.agent.engine.resolution import resolve_image
from headstart.agent.instances import (
    LABEL_STATE,
    NAME_PREFIX,
    InstanceSpec,
    RuntimeFault,
    instance_name,
    state_id,
)
from headstart.agent.linux.netns import why_not_enter
from headstart.agent.policy.keys import SMALLEST_MEMORY_BYTES
from headstart.agent.policy.policy import Policy
from headstart.agent.policy.pull_rules import pull_refusal
from headstart.agent.runtimes.beside import Companions, beside_obstacles, names_of
from headstart.agent.runtimes.container_specs import container_of
from headstart.agent.runtimes.docker_checker import DockerChecker
from headstart.agent.runtimes.docker_instance import DockerInstance
from headstart.agent.runtimes.lending import Lender, remarks
from headstart.agent.runtimes.needs_checks import (
    beyond_kernel,
    beyond_memory,
    most_open_files,
    problems_of,
    stated_limits,
)
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.runtimes.ports import require_free_ports
from headstart.agent.runtimes.runtime import Builder, Connect, Puller
from headstart.agent.uplink.context_fetch import Fetch
from headstart.v1 import host_pb2
from headstart.v1.experiment_pb2 import Experiment, Network, Pull, Variant
from headstart.v1.records_pb2 import (
    BuildOutcome,
    Failure,
    FailureCode,
    ImageFacts,
    ImagePulled,
    ResolvedVariant,
)
from headstart.words.containers import Placed, containers_of
from headstart.words.readiness import Kind, kind_of

log = logging.getLogger(__name__)

# The engine's least; the holder is 1 kB of code.
_HOLDER_MEMORY_BYTES = 6 << 20
_HOLDER_PIDS = 4
# An engine switches IPv6 off in a namespace without a network, and ::1 with it.
_IPV6 = Path("/proc/sys/net/ipv6")
_WITH_IPV6 = {"net.ipv6.conf.all.disable_ipv6": "0"}


class DockerRuntime:
    """Containers of one agent, known again by their label."""

    name = "docker"

    def __init__(self, state: Path, policy: Policy, engine: Engine) -> None:
        """Use `connect`."""
        self._policy = policy
        self._identity = state_id(state)
        self._folder = state.resolve() / "containers"
        self._engine = engine
        self._holder: DockerInstance | None = None
        self._companions: Companions | None = None
        self._state = state
        # Variant -> image id, of the run's own builds.
        self._built: dict[str, str] = {}
        # Variant -> repository with the digest, of what the run pulled.
        self._pulled: dict[str, str] = {}
        self._removes_pulled = False
        # Variant -> image id, and the base that the experiment names.
        self._resolved: dict[str, tuple[str, str]] = {}
        self._lender = Lender(state, engine)

    @classmethod
    def connect(
        cls, state: Path, policy: Policy, cancelled: Cancellation | None = None
    ) -> "DockerRuntime":
        """RuntimeFault, saying why and what to do, where no engine answers.

        `cancelled`: of the run that it serves.
        """
        return cls(state, policy, Engine.connect(cancelled))

    @property
    def left_behind(self) -> Sequence[str]:
        """See `Runtime`."""
        return self._engine.left_behind

    @property
    def builder(self) -> Builder:
        """See `Runtime`."""
        return self

    @property
    def puller(self) -> Puller:
        """See `Runtime`."""
        return self

    @property
    def checker(self) -> DockerChecker:
        """See `Runtime`."""
        return DockerChecker(self._engine, self._policy, self._identity, self._folder, self._lender)

    def engine(self) -> host_pb2.Engine:
        """What the engine says of itself."""
        return self._engine.facts()

    def build(
        self,
        experiment: Experiment,
        seed: int,
        emit: Callable[[BuildOutcome], None],
        cancelled: Cancellation,
        doing: Callable[[str], None],
        fetch: Fetch,
    ) -> Mapping[str, Failure]:
        """See `Builder` and `builds.build_all`."""
        from headstart.agent.builds.build_all import build_variants

        built = build_variants(
            experiment, seed, self._state, self._policy, emit, cancelled, doing, fetch
        )
        self._built = built.images
        return built.failures

    def pull_refusal(self, variant: Variant, asked: Pull.ValueType) -> str | None:
        """See `Puller`."""
        return pull_refusal(self._policy, variant.image, asked)

    def pull(
        self,
        variants: Sequence[Variant],
        remove: bool,
        emit: Callable[[ImagePulled], None],
        cancelled: Cancellation,
        doing: Callable[[str], None],
    ) -> Mapping[str, Failure]:
        """See `Puller` and `engine.pull_all`."""
        from headstart.agent.engine.pull_all import pull_images

        self._removes_pulled = remove
        ledger = PullLedger.of(self._state)

        def note(reference: str) -> None:
            if remove:
                entry = PullEntry.before(reference, self._engine.images())
                with _told(f"{reference} is not pulled, since nobody could tell later that it was"):
                    ledger.note(entry)

        def note_came(reference: str, name: str) -> None:
            if remove and (image := self._engine.image(name, cleaning_up=True)) is not None:
                with _told(f"{reference} was pulled, which nobody can tell later"):
                    ledger.note_came(reference, image["Id"])

        pulled = pull_images(
            variants, self._policy, emit, cancelled, doing, note=note, note_came=note_came
        )
        self._pulled = pulled.images
        return pulled.failures

    def resolve(self, variant: Variant, base_directory: str) -> ResolvedVariant:  # noqa: ARG002  # Runtime
        """See `engine.resolution`."""
        built = self._built.get(variant.name, "")
        try:
            pulled = self._pulled.get(variant.name, "")
            resolved = resolve_image(self._engine, self._policy, variant, built, pulled)
            self._resolved[variant.name] = (resolved.digest, variant.base)
            return resolved
        except RuntimeFault as fault:
            return ResolvedVariant(
                variant=variant.name, failure=Failure(code=fault.code, message=fault.message)
            )

    def obstacles(self, experiment: Experiment) -> Iterator[Obstacle]:
        """See `Runtime`."""
        plan = experiment.plan
        refused = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
        # What the policy says of the network itself is a refusal of the whole experiment.
        if self._policy.network_refusal(plan.network) is None:
            try:
                self._network(plan.network, kind_of(experiment) is Kind.BATCH)
            except RuntimeFault as fault:
                yield Obstacle(("plan", "network"), fault.message, fault.code)
        if words := self._policy.memory_refusal(plan.memory_limit_bytes):
            yield Obstacle(("plan", "memory"), words, refused)
        elif 0 < plan.memory_limit_bytes < SMALLEST_MEMORY_BYTES:
            words = "an engine gives no container less than 6 MiB of memory"
            yield Obstacle(("plan", "memory"), words, FailureCode.FAILURE_CODE_ENGINE)
        limit = plan.memory_limit_bytes or self._policy.memory_limit_bytes
        for placed in containers_of(experiment):
            if placed.path[0] == "service":
                # A check's: the checker's, also where no variant is a container.
                continue
            variant, needs = placed.container, placed.container.needs
            found = [
                *problems_of(needs, self._policy),
                *beyond_memory(needs, limit),
                *beyond_kernel(needs, most_open_files()),
            ]
            for key, words, code in found:
                path = (*placed.path, key)
                yield Obstacle(path, f"{variant.name}: {words}", code, variant.name, forbids=True)
            if not found:
                yield from self._obstacles_of_paths(placed)
        yield from beside_obstacles(experiment, self._policy)
        if plan.cpu_limit > (has := os.cpu_count() or 1):
            words = f"the plan asks for {plan.cpu_limit:g} CPUs, this host has {has}"
            yield Obstacle(("plan", "cpu_limit"), words, FailureCode.FAILURE_CODE_ENGINE)

    def _obstacles_of_paths(self, placed: Placed) -> Iterator[Obstacle]:
        name, path = placed.container.name, (*placed.path, "volumes")
        lent, problems = self._lender.look(placed.container.needs, self._policy)
        for _, words, code in problems:
            yield Obstacle(path, f"{name}: {words}", code, name, forbids=True)
        for words in remarks(lent):
            code = FailureCode.FAILURE_CODE_AGENT
            yield Obstacle(path, f"{name}: {words}", code, name, blocks=False)

    def image_facts(
        self, variant: ResolvedVariant, cancelled: Callable[[], bool]
    ) -> ImageFacts | None:
        """See `Runtime` and `image.reader`."""
        from headstart.agent.image.cache import ImageCache
        from headstart.agent.image.reader import ImageReader

        reader = ImageReader(
            self._engine,
            ImageCache(self._state.resolve() / "images"),
            {LABEL_STATE: self._identity},
            cancelled,
        )
        _, base = self._resolved[variant.variant]
        return reader.facts(variant, base, {digest for digest, _ in self._resolved.values()})

    def create(self, spec: InstanceSpec) -> DockerInstance:
        """A container that waits in the gate, in the network of the plan or a safer one."""
        network = self._network(spec.plan.network, spec.batch)
        container = replace(
            container_of(
                spec,
                instance_name(spec),
                spec.variant,
                self._policy,
                self._identity,
                "host" if network == Network.NETWORK_HOST else "none",
                spec.plan.memory_limit_bytes,
                self._lender,
            ),
            argv=_argv(spec),
            keep_output=spec.batch,
            cpuset=spec.plan.server_cpus,
            cpus=spec.plan.cpu_limit,
        )
        if spec.beside or network == Network.NETWORK_HOLDER:
            return self._create_within(spec, container, network)
        if network == Network.NETWORK_HOST:
            require_free_ports(spec)
            return self._start(container, spec.address, network)
        if _IPV6.is_dir():
            container = replace(container, sysctls=_WITH_IPV6)
        return self._start(container, spec.address, network)

    def _create_within(
        self, spec: InstanceSpec, container: ContainerSpec, network: Network.ValueType
    ) -> DockerInstance:
        """A container in the network of a holder, with what stands beside it."""
        holder = self._ready_holder(container, network)
        container = replace(
            container,
            network=f"container:{holder.container}",
            hosts={**names_of(spec), **container.hosts},
        )
        if network == Network.NETWORK_HOLDER:
            # The engine's name of the holder is that of every container in its network.
            own = {holder.container[:12]: holder.address} if container.hosts else {}
            container = replace(container, hosts={**own, **container.hosts})
        address = holder.address if network == Network.NETWORK_HOLDER else spec.address
        if not spec.beside:
            return self._start(container, address, network)
        if network == Network.NETWORK_HOST:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_AGENT, "companions are not given the host's network"
            )
        if self._companions is None:
            start = partial(self._start, address=address, network=network)
            self._companions = Companions(
                self._engine, self._policy, self._identity, self._lender, start
            )
        notes = self._companions.stand_beside(spec, container.network)
        instance = self._start(container, address, network)
        instance.beside = self._companions
        instance.notes = [*instance.notes, *notes]
        return instance

    def _network(self, asked: Network.ValueType, batch: bool) -> Network.ValueType:
        """The network to use; RuntimeFault when the policy allows none.

        Where this agent may not enter a container's own, the bridge stands in for it
        and never the host's. A batch program is not asked anything: nobody enters.
        """
        asked = asked or Network.NETWORK_OWN
        if (refused := self._policy.network_refusal(asked)) is not None:
            raise RuntimeFault(FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, refused)
        if asked != Network.NETWORK_OWN or batch or (reason := why_not_enter()) is None:
            return asked
        if (refused := self._policy.network_refusal(Network.NETWORK_HOLDER)) is not None:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
                f"{reason}; the network 'bridge', which would do instead, is not among what the"
                " policy of this host allows (networks)",
            )
        if self._engine.is_rootless():
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
                f"{reason}; a rootless engine's network 'bridge' (plan.network) cannot be reached"
                " from the host either: run the agent as root",
            )
        return Network.NETWORK_HOLDER

    def remove_orphans(self) -> list[str]:
        """See `Runtime`; found by label and name, whatever made them die."""
        labelled = self._engine.labelled(LABEL_STATE, self._identity)
        found = {each: name for each, name in labelled.items() if name.startswith(NAME_PREFIX)}
        for name in set(labelled.values()) - set(found.values()):
            log.warning(
                "container %s has this agent's label from its image: it is left alone", name
            )
        for container in found:
            self._engine.remove(container)
        for folder in self._folder.iterdir() if self._folder.is_dir() else []:
            shutil.rmtree(folder)
        pulled = remove_pulled(self._state, self._engine)
        return [*sorted(found.values()), *self._remove_built(), *pulled]

    def _remove_built(self) -> list[str]:
        if not Ledger.of(self._state).images:
            return []
        from headstart.agent.builds.build_all import remove_leftovers

        return remove_leftovers(self._state)

    def close(self) -> None:
        """See `Runtime`."""
        try:
            with ExitStack() as undo:
                if self._holder is not None:
                    undo.callback(self._holder.stop)
                if self._companions is not None:
                    undo.callback(self._companions.stop)
            if self._removes_pulled:
                remove_pulled(self._state, self._engine)
                with suppress(OSError):
                    left = PullLedger.of(self._state).entries()
                    self._engine.left_behind += [f"image {each.reference}" for each in left]
        finally:
            self._holder = self._companions = None
            self._engine.close()

    def _ready_holder(self, like: ContainerSpec, network: Network.ValueType) -> DockerInstance:
        """The network of a run: a container of its first image whose gate never opens."""
        is_own = network != Network.NETWORK_HOLDER
        if self._holder is None or not self._holder.pids():
            if self._holder is not None:
                self._holder.stop()
            holder = replace(
                like,
                name=f"{like.name}-network",
                network="none" if is_own else "bridge",
                sysctls=_WITH_IPV6 if is_own and _IPV6.is_dir() else {},
                memory_bytes=_HOLDER_MEMORY_BYTES,
                pids=_HOLDER_PIDS,
                disk_bytes=0,
                cpus=0.0,
                read_only=False,
                tmpfs={},
                shm_bytes=0,
                volumes=(),
                lent=(),
                ulimits={},
                capabilities=(),
                hosts={},
            )
            self._holder = self._start(holder, "", network)
        return self._holder

    def _start(
        self, spec: ContainerSpec, address: str, network: Network.ValueType
    ) -> DockerInstance:
        try:
            return DockerInstance(self._engine, spec, self._folder / spec.name, address, network)
        except RuntimeFault as fault:
            if not spec.ulimits or fault.code != FailureCode.FAILURE_CODE_ENGINE:
                raise
            words = f"{fault.message}; {stated_limits(spec.ulimits)}"
            raise RuntimeFault(fault.code, words, fault.output_tail) from fault
        except OSError as error:
            raise RuntimeFault(
                FailureCode.FAILURE_CODE_AGENT, f"{spec.name} could not be prepared: {error}"
            ) from error


@contextmanager
def _told(words: str) -> Iterator[None]:
    """A ledger that cannot be written is a fault of the agent."""
    try:
        yield
    except OSError as error:
        raise RuntimeFault(FailureCode.FAILURE_CODE_AGENT, f"{words}: {error.strerror}") from error


def _argv(spec: InstanceSpec) -> list[str]:
    """What a batch program is given takes the place of the image's CMD, as in `docker run`."""
    argv = list(spec.variant.argv)
    if spec.batch and spec.variant.default_arguments:
        argv = argv[: -spec.variant.default_arguments]
    return [*argv, *spec.arguments]


CONNECT: Connect = DockerRuntime.connect
