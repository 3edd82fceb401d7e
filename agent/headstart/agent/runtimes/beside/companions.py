"""All companions of a run: those of the trial, and those that stay for all trials."""

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace

from headstart.agent.cancellation import Cancelled, apart
from headstart.agent.engine.engine import ContainerSpec, Engine
from headstart.agent.instances import InstanceSpec, RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.beside.companion import Companion, companion_container
from headstart.agent.runtimes.docker_instance import DockerInstance
from headstart.agent.runtimes.lending import Lender
from headstart.v1.records_pb2 import CompanionUse, Failure

# Where each of them is reached: their network has a loopback, and it is the app's.
_ADDRESS = "127.0.0.1"


class Companions:
    """See `Beside`. They are made by `stand_beside`; `stop` them."""

    def __init__(
        self,
        engine: Engine,
        policy: Policy,
        identity: str,
        lender: Lender,
        start: Callable[[ContainerSpec], DockerInstance],
    ) -> None:
        """`start` makes a container that waits in its gate."""
        self._engine = engine
        self._policy = policy
        self._identity = identity
        self._lender = lender
        self._start = start
        # In the order of the experiment.
        self._living: list[Companion] = []
        self._trial = 0
        self._network = ""

    def stand_beside(self, spec: InstanceSpec, network: str) -> list[str]:
        """Have them ready for a trial: those of a trial anew, once. What there is to say of it.

        RuntimeFault(COMPANION) where one does not get ready, or has a port of the app; then none
        is left.
        """
        notes = []
        if spec.trial != self._trial or network != self._network or self.failure() is not None:
            try:
                notes = self._renew(spec, network)
                for each in self._living:
                    each.raise_if_on_port_of(spec)
            except BaseException:
                # What stops them may fail as well: that they did not get ready is what counts.
                with suppress(RuntimeFault):
                    self.stop()
                raise
            self._trial, self._network = spec.trial, network
        return notes

    def failure(self) -> Failure | None:
        """See `Beside`."""
        for each in self._living:
            try:
                each.raise_if_spoilt()
            except RuntimeFault as fault:
                return Failure(
                    code=fault.code, message=fault.message, output_tail=fault.output_tail
                )
        return None

    def uses(self) -> Sequence[CompanionUse]:
        """See `Beside`."""
        return [each.use() for each in self._living]

    def stop(self) -> None:
        """Remove all of them, the last one first; RuntimeFault when the engine does not answer."""
        living, self._living = self._living, []
        self._trial = 0
        with ExitStack() as undo:
            for each in living:
                undo.callback(each.stop)

    def _renew(self, spec: InstanceSpec, network: str) -> list[str]:
        """Make those anew that are of a trial, and all where one has ended."""
        ended = self.failure()
        notes = []
        staying = {each.name: each for each in self._living if each.is_of_the_run}
        if staying and (ended is not None or network != self._network):
            why = ended.message if ended is not None else "their network was gone"
            notes = [f"what stands beside it was made anew, without what trials wrote: {why}"]
            staying = {}
        gone = [each for each in self._living if each.name not in staying]
        self._living = list(staying.values())
        with ExitStack() as undo:
            for each in gone:
                undo.callback(each.stop)
        made = set()
        for beside in spec.beside:
            companion = beside.companion
            if companion.name in staying:
                continue
            container = companion_container(
                spec, beside, self._policy, self._identity, network, self._lender
            )
            instance = self._start(replace(container, hosts={**container.hosts, **names_of(spec)}))
            self._living.append(Companion(beside, instance, self._engine))
            made.add(companion.name)
        if made:
            # What they wrote is not to be written back while the app is measured.
            with suppress(Cancelled):
                apart(os.sync, self._engine.cancelled)
        order = [each.companion.name for each in spec.beside]
        self._living.sort(key=lambda each: order.index(each.name))
        for each in self._living:
            each.begin(is_new=each.name in made)
        return notes


def names_of(spec: InstanceSpec) -> dict[str, str]:
    """The names of what stands beside an app, each with its address."""
    return {each.companion.name: _ADDRESS for each in spec.beside}
