"""What a runtime is: it makes one fresh instance of a variant for each trial.

Those of `headstart.words.runtimes` stand behind these Protocols. The order of calls in a trial is

    instance = runtime.create(spec)   # everything but the exec is over
    opened_ns = instance.open_gate()  # the app starts
    instance.stop()                   # always, also after a fault; idempotent
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from headstart.agent.cancellation import Cancellation
from headstart.agent.http.container_checks import CheckContainers
from headstart.agent.instances import ExitFacts, InstanceSpec, RuntimeFault, Surroundings
from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.linux.netns import NetworkNamespace
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.uplink.context_fetch import Fetch
from headstart.v1.experiment_pb2 import Build, Experiment, Network, Pull, Variant
from headstart.v1.host_pb2 import Engine
from headstart.v1.records_pb2 import (
    BuildOutcome,
    CompanionUse,
    Failure,
    FailureCode,
    ImageFacts,
    ImagePulled,
    ResolvedVariant,
)
from headstart.words.runtimes import runtimes_for

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Written:
    """The stdout of an execution that ended: all of it as a digest, its beginning as it is."""

    sha256: str
    size_bytes: int
    # The first MiB.
    head: bytes
    # False: it wrote more than this runtime keeps, and the digest is of a part.
    complete: bool = True


class Beside(Protocol):
    """What stands beside an app in a trial, such as its database."""

    def failure(self) -> Failure | None:
        """That of a companion which has ended; None: all live. Cheap."""

    def uses(self) -> Sequence[CompanionUse]:
        """What each took since the app waited in its gate, up to now."""


class Instance(Protocol):
    """One container or process; before `open_gate` it waits in the gate.

    All *_ns are CLOCK_MONOTONIC. Attributes are set when `create` returns.
    """

    # Where a client that is in `namespace` reaches the app: an IP address.
    address: str
    network: Network.ValueType
    # None: clients stay where they are. Open until `stop`.
    namespace: NetworkNamespace | None
    # What an engine is asked for, so that another container is where the app is.
    surroundings: Surroundings
    # The process that becomes the app: the gate's pid, kept over execve.
    pid: int
    cgroup: Cgroup | None
    create_ns: int
    start_call_ns: int
    engine_ready_ns: int
    # What of the plan could not be applied on this host, in sentences.
    notes: Sequence[str]
    # None: it stands alone.
    beside: Beside | None

    def open_gate(self) -> int:
        """Let the app start; return the time just before opening.

        Without a gate the app is started here.
        """

    def exec_ns(self) -> int | None:
        """The gate's stamp just before execve; None without a gate or before it."""

    def pids(self) -> list[int]:
        """All processes of the instance now, the first one first; empty when it ended."""

    def exited(self) -> ExitFacts | None:
        """None while it lives. Cheap enough to ask 100 times a second."""

    def output_tail(self, limit_bytes: int = 16384) -> str:
        """The last output of the app, stdout and stderr in order, as UTF-8 with replacements.

        Of a batch program, whose stdout is its work: stderr, or stdout where that is empty.
        """

    def follow(self, watch: LineWatch) -> None:
        """Let the watch see all that the app writes, as it is read; before `open_gate`.

        RuntimeFault when it cannot be. Ends when the watch is over, or with `stop`.
        """

    def read_on(self, timeout_seconds: float) -> None:
        """Wait until the watch has seen all that an app has written that ended."""

    def written(self) -> Written:
        """What a batch program wrote to its stdout, up to now; ask when it has ended."""

    def kill(self) -> None:
        """Kill all of its processes; what it wrote up to now can still be read."""

    def stop(self) -> None:
        """Kill and remove everything of this instance. Never raises for what is already gone."""


class Builder(Protocol):
    """Builds the images of variants that are to be built, before the first trial."""

    def build(
        self,
        experiment: Experiment,
        seed: int,
        emit: Callable[[BuildOutcome], None],
        cancelled: Cancellation,
        doing: Callable[[str], None],
        fetch: Fetch,
    ) -> Mapping[str, Failure]:
        """Build all of them; variant -> why it has no image. What was built, `resolve` knows.

        `fetch` brings contexts that were submitted.
        """


class Puller(Protocol):
    """Pulls images that the engine does not hold, before the first trial."""

    def pull_refusal(self, variant: Variant, asked: Pull.ValueType) -> str | None:
        """Why the image of a variant is not pulled, as a sentence; None: it is."""

    def pull(
        self,
        variants: Sequence[Variant],
        remove: bool,
        emit: Callable[[ImagePulled], None],
        cancelled: Cancellation,
        doing: Callable[[str], None],
    ) -> Mapping[str, Failure]:
        """Pull what these name; variant -> why not. What was pulled, `resolve` knows.

        `remove`: at `close`.
        """


@dataclass(frozen=True)
class ChecksSpec:
    """Whose tests run: a trial's. The checks' containers are resolved, by name."""

    run_id: str
    attempt: int
    trial: int
    containers: Mapping[str, ResolvedVariant]
    # A cpuset list, that of the load; empty: all CPUs.
    cpus: str = ""


class Checker(Protocol):
    """Runs checks that are containers beside an instance of any runtime."""

    def checks_beside(self, instance: Instance, spec: ChecksSpec) -> CheckContainers:
        """What runs them, as long as the instance is there."""

    def check_obstacles(self, experiment: Experiment) -> Iterable[Obstacle]:
        """What of them cannot be done on this host."""


class Runtime(Protocol):
    """Makes instances of the variants that `headstart.words.runtimes` gives to its name."""

    name: str

    @property
    def builder(self) -> Builder | None:
        """Builds the images that `resolve` then knows; None: it builds none."""

    @property
    def puller(self) -> Puller | None:
        """Pulls the images that `resolve` then knows; None: it pulls none."""

    @property
    def checker(self) -> Checker | None:
        """Runs checks that are containers; None: it runs none."""

    def engine(self) -> Engine | None:
        """What the engine behind it says of itself; None: there is none."""

    @property
    def left_behind(self) -> Sequence[str]:
        """Names of what could not be removed, since an engine did not answer."""

    def resolve(self, variant: Variant, base_directory: str) -> ResolvedVariant:
        """What every trial of the run will use: digest, argument vector, environment.

        What cannot be run has `failure` set (image missing, refused, no such program).
        """

    def obstacles(self, experiment: Experiment) -> Iterable[Obstacle]:
        """What of the plan its instances cannot be given on this host."""

    def image_facts(
        self, variant: ResolvedVariant, cancelled: Callable[[], bool]
    ) -> ImageFacts | None:
        """Sizes, layers and kind of what a variant runs that was resolved here.

        What cannot be found out is left out, with a note.
        """

    def create(self, spec: InstanceSpec) -> Instance:
        """Make a fresh instance that waits in the gate.

        Raises RuntimeFault; then nothing of it stays behind.
        """

    def remove_orphans(self) -> list[str]:
        """Kill and remove what an earlier agent with the same state folder left; their names."""

    def close(self) -> None:
        """Remove what was shared by the instances of a run, such as a network holder."""


# Makes a runtime, or raises RuntimeFault that says why it does not work here. The module of a
# runtime has one as `CONNECT`. The cancellation is that of the run that it serves.
Connect = Callable[[Path, Policy, Cancellation], Runtime]


@dataclass
class RuntimeTable:
    """The runtimes of one run, by name."""

    by_name: dict[str, Runtime] = field(default_factory=dict)
    # Why a runtime is not there: name -> sentence.
    missing: dict[str, str] = field(default_factory=dict)

    def for_variant(self, variant: Variant) -> Runtime:
        """The runtime of a variant's source. RuntimeFault, saying why, where none is there."""
        able = runtimes_for(variant.WhichOneof("source") or "image")
        for each in able:
            if each.name in self.by_name:
                return self.by_name[each.name]
        reasons = [self.missing[each.name] for each in able if each.name in self.missing]
        raise RuntimeFault(
            FailureCode.FAILURE_CODE_ENGINE,
            "; ".join(reasons) or "no runtime for it on this host",
        )

    def builder(self) -> Builder | None:
        """That of the runtime which runs what is built."""
        try:
            return self.for_variant(Variant(build=Build())).builder
        except RuntimeFault:
            return None

    def puller(self) -> Puller | None:
        """That of the runtime which runs images."""
        try:
            return self.for_variant(Variant(image="any")).puller
        except RuntimeFault:
            return None

    def checker(self) -> Checker | None:
        """That of the runtime which runs images, whatever runs the variants."""
        try:
            return self.for_variant(Variant(image="any")).checker
        except RuntimeFault:
            return None

    def engine(self) -> Engine | None:
        """The first that is behind one of them, and answers."""
        for runtime in self.by_name.values():
            try:
                found = runtime.engine()
            except RuntimeFault as fault:
                # It ended meanwhile, or this agent does.
                log.warning("the host's facts are without an engine: %s", fault.message)
                continue
            if found is not None:
                return found
        return None

    def close(self) -> None:
        """Close all of them."""
        for runtime in self.by_name.values():
            runtime.close()
