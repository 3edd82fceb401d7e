"""An agent as a whole: state folder, runtimes, host facts, the stream to a collector."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from headstart.agent.builds.context_folders import remove_contexts
from headstart.agent.cancellation import Cancellation
from headstart.agent.deadline import Deadline
from headstart.agent.host.facts import host_facts
from headstart.agent.host.machine import WhenBusy, alone
from headstart.agent.instances import RuntimeFault
from headstart.agent.load.scratch import remove_abandoned
from headstart.agent.load.table import available
from headstart.agent.policy.context_rules import context_refusal
from headstart.agent.policy.host_secrets import read_secrets
from headstart.agent.policy.policy import Policy, PolicyError
from headstart.agent.policy.policy_file import PolicyFile
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.runtimes.table import open_runtimes
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.collector_tls import ClientTls
from headstart.agent.uplink.context_fetch import fetch_context
from headstart.agent.uplink.held_runs import HeldRun, HeldRuns
from headstart.agent.uplink.renewal import keep_renewed
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.stream import Attendance
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import Failure, FailureCode, RunOutcome
from headstart.words.private_files import locked_file, private_folder

log = logging.getLogger(__name__)

_STOPPED = "the agent was stopped"
# For the last word on what ran; without an ack the hello of the next start names it.
_DELIVERY_SECONDS = 2.0
_STOP_SECONDS = 5.0


class StateInUse(Exception):
    """Another agent works in this state folder."""


@dataclass(frozen=True)
class AgentConfig:
    """What an agent is told by its operator."""

    target: str
    state: Path
    host: str
    policy: Policy
    labels: dict[str, str] = field(default_factory=dict)
    # None: a socket, or plaintext that was asked for.
    tls: ClientTls | None = None
    # Where the certificate of `headstart enroll` is, which is renewed there. None: it is not.
    identity: Path | None = None
    spool_limit_bytes: int = 1 << 30
    # The one run that is taken, once it is known, as `headstart run` wants it. None: any.
    only_run: asyncio.Future[str] | None = None
    # What `policy` was read from; read anew for each run. None: `policy` holds for ever.
    policy_file: Path | None = None
    # Whether a run waits for others on this machine, of whatever agent. None: who started the
    # agent sees to that.
    when_busy: WhenBusy | None = None
    # Further collectors of the same store: one of all is active, and the agent goes to that.
    other_targets: tuple[str, ...] = ()


class Agent:
    """The constructor cleans up after an earlier life; `run` attends until `stop` is called.

    The constructor raises StateInUse and SpoolError.
    """

    def __init__(
        self, config: AgentConfig, on_connected: Callable[[bool], None] = lambda _connected: None
    ) -> None:
        self.config = config
        private_folder(config.state, marks=("lock",))
        try:
            self._lock = os.fdopen(locked_file(config.state / "lock"), "w")
        except BlockingIOError as error:
            raise StateInUse(f"another agent works in {config.state}") from error
        self._stop_asked = asyncio.Event()
        self.spool = Spool(config.state, config.spool_limit_bytes, config.host)
        self._stopped = Cancellation()
        # Whether something of a run may still be there.
        self._is_littered = False
        self._policy = PolicyFile(config.policy_file, config.policy)
        self._remove_orphans(self._stopped)
        self.runs = HeldRuns(self._execute, self._abandoned)
        self.addresses = Addresses((config.target, *config.other_targets))
        self.attendance = Attendance(
            addresses=self.addresses,
            tls=config.tls,
            host=self.host_facts,
            policy=lambda: self._policy.holds().message(),
            spool=self.spool,
            runs=self.runs,
            only_run=config.only_run,
            on_connected=on_connected,
        )

    def runtimes(self, cancelled: Cancellation, policy: Policy | None = None) -> RuntimeTable:
        """The runtimes that work now, and why others do not; without a policy nothing may run."""
        return open_runtimes(self.config.state, policy or Policy.default(), cancelled)

    def host_facts(self, server_cpus: str = "", load_cpus: str = "") -> HostFacts:
        """The host as it is now, judged for what is to run on which CPUs."""
        runtimes = self.runtimes(self._stopped)
        try:
            return current_host_facts(
                self.config.host, self.config.labels, runtimes, server_cpus, load_cpus
            )
        finally:
            runtimes.close()

    def _execute(self, held: HeldRun) -> None:
        # An agent at rest needs nothing of what runs trials: 2 MB of its memory.
        from headstart.agent.run import execute

        if self._is_littered and not held.cancelled.is_set():
            self._tidy(held)
        with ExitStack() as ending:
            if self.config.when_busy is not None:
                held.progress.doing = "waiting for another run on this machine"
                ending.enter_context(alone(held.cancelled, self.config.when_busy))
                held.progress.doing = ""
            execute(held, self._tools())
        self._is_littered |= bool(held.left_behind)

    def _tools(self) -> Tools:
        """What a run is lent, under the policy as it is now."""
        refused: Failure | None = None
        try:
            policy = self._policy.read()
        except PolicyError as error:
            policy = Policy.default()
            refused = Failure(
                code=FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
                message="the policy file of this host cannot be used, so that nothing may run:"
                f" {error}",
            )
        return Tools(
            self.spool,
            lambda cancelled: self.runtimes(cancelled, policy),
            self.host_facts,
            policy.commands,
            policy.network_refusal,
            refused,
            lambda experiment: read_secrets(experiment, policy, os.environ),
            partial(context_refusal, policy),
            partial(fetch_context, self.addresses, self.config.tls),
        )

    def _tidy(self, held: HeldRun) -> None:
        """Remove what an earlier run of this agent left, since the engine did not answer."""
        try:
            self._remove_orphans(held.cancelled)
            self._is_littered = False
        except (RuntimeFault, OSError) as error:
            log.warning("what an earlier run left could not be removed: %s", error)

    def _abandoned(self, held: HeldRun) -> None:
        """Record the end of a run whose thread hangs."""
        self._is_littered = True
        doing = held.progress.doing or "the first trial"
        outcome = RunOutcome()
        outcome.CopyFrom(held.outcome)
        outcome.status = held.cut_short()
        outcome.reason = (
            f"{held.cancel_reason or 'cancelled'}; what it was at ({doing}) hangs, and is left to"
            " itself: what remains of it is removed before this agent's next run"
        )
        outcome.unix_ns = time.time_ns()
        outcome.monotonic_ns = time.monotonic_ns()
        held.ended_as = outcome
        envelope = envelope_of(outcome, held.run_id, held.attempt)
        held.record(lambda: self.spool.append(envelope), last=True)

    def _remove_orphans(self, cancelled: Cancellation) -> None:
        for name in remove_abandoned():
            log.warning("removed %s, files of a load of an agent that was killed", name)
        for name in remove_contexts(self.config.state):
            log.warning("removed %s, left by an earlier run", name)
        for runtime in self.runtimes(cancelled).by_name.values():
            for name in runtime.remove_orphans():
                log.warning("removed %s, left by an earlier run", name)
            runtime.close()

    async def run(self) -> None:
        """Attend until stopped; then give back what runs, and tell the collector if it hears."""
        attending = asyncio.create_task(self.attendance.run())
        asked = asyncio.create_task(self._stop_asked.wait())
        renewing = asyncio.create_task(self._keep_renewed())
        try:
            await asyncio.wait({attending, asked}, return_when=asyncio.FIRST_COMPLETED)
            deadline = Deadline(_STOP_SECONDS)
            # Before the runs end, or the next attempt would come here.
            self.attendance.leave(_STOPPED)
            await asyncio.to_thread(self.runs.give_all_back, _STOPPED)
            if not attending.done():
                await self.attendance.delivered(min(_DELIVERY_SECONDS, deadline.left()))
        finally:
            asked.cancel()
            renewing.cancel()
            self.attendance.stopping.set()
            self.attendance.wake()
            try:
                await attending
            finally:
                self.spool.close()
                self._lock.close()

    async def _keep_renewed(self) -> None:
        if self.config.identity is not None:
            await keep_renewed(self.config.identity, lambda: self.addresses.current)

    def stop(self) -> None:
        """Make `run` return; call it in the loop's thread."""
        self._stopped.set()
        self._stop_asked.set()


def remove_left(state: Path) -> None:
    """Remove what an agent that was killed left of its last run; StateInUse when it lives."""
    try:
        lock = os.fdopen(locked_file(state / "lock"), "w")
    except BlockingIOError as error:
        raise StateInUse(f"another agent works in {state}") from error
    with lock:
        for name in remove_contexts(state):
            log.warning("removed %s, left by an earlier run", name)
        runtimes = open_runtimes(state, Policy.default(), Cancellation())
        for runtime in runtimes.by_name.values():
            for name in runtime.remove_orphans():
                log.warning("removed %s, left by an earlier run", name)
            runtime.close()


def current_host_facts(
    host: str,
    labels: dict[str, str],
    runtimes: RuntimeTable,
    server_cpus: str = "",
    load_cpus: str = "",
) -> HostFacts:
    """Host facts with what the engine says of itself and the load drivers found."""
    return host_facts(
        host, labels, runtimes.engine(), available(), server_cpus=server_cpus, load_cpus=load_cpus
    )
