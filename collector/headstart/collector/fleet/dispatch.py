"""The queue and its leases: who runs what, and what becomes of a run."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection

from headstart.collector.config import Timing
from headstart.collector.fleet.changes import Changes
from headstart.collector.fleet.leases import Leases
from headstart.collector.fleet.session import Session
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.store import (
    ends,
    leasing,
    queue as store_queue,
    runs as store_runs,
    submitting,
)
from headstart.collector.store.hello import Greeted
from headstart.collector.store.leasing import Leased
from headstart.collector.store.queue import PLAIN, Wish
from headstart.collector.store.runs import Change
from headstart.collector.store.store import Store
from headstart.collector.tasks import Tasks
from headstart.v1.experiment_pb2 import Experiment, Network
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.fleet_pb2 import Attempt, AttendResponse, Lease, LeaseRenewed
from headstart.words.enums import word
from headstart.words.features import unknown_to
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

_LEASED_TOGETHER = 100
_NOT_CURRENT = "this attempt does not count any more"
_SET_BACK = (
    "this attempt does not count any more: the collector's store was set back to an earlier state"
)


class Dispatch:
    """Use from one event loop. `sessions` are the open streams by host.

    `on_ended` hears of every run that will not go on, with a run that was LOST
    and came back perhaps twice.
    """

    def __init__(
        self,
        store: Store,
        sessions: Mapping[str, Session],
        metrics: SelfMetrics,
        timing: Timing,
        on_ended: Callable[[str], None],
    ) -> None:
        self.changes = Changes()
        self._store = store
        self._sessions = sessions
        self._metrics = metrics
        self._lease_seconds = timing.lease_seconds
        self._on_ended = on_ended
        self._leases = Leases(
            timing.lease_seconds, timing.tick_seconds, time.monotonic, timing.heartbeat_seconds
        )
        self._host_expiry_seconds = timing.host_expiry_seconds
        self._look_seconds = timing.heartbeat_seconds
        self._next_look = time.monotonic() + self._look_seconds
        # Hosts that may have a queued run.
        self._waiting: set[str] = set()
        self._counting = self._miscounted = False
        self._tasks = Tasks()

    async def start(self) -> None:
        """Take up the stored leases, each with a fresh deadline."""
        for lease in await self._store.read(leasing.leases):
            self._leases.grant(lease.run_id, lease.attempt, lease.host)
        self._waiting = await self._store.read(store_queue.waiting_hosts)
        await self._count_runs()

    async def stop(self) -> None:
        """Leave everything as it is stored."""
        await self._tasks.stop()

    def running_on(self, host: str) -> str:
        """The run that is leased to a host; empty: none."""
        return self._leases.of_host(host)

    def take_up(self, session: Session, greeted: Greeted) -> None:
        """What a hello brought to light."""
        session.cancels = greeted.cancels
        session.believe(greeted.bounds)
        for change in greeted.kept:
            self._leases.grant(change.run_id, change.attempt, change.host)
            self.changes.publish(change.run_id)
        for change in greeted.lost:
            self._lost(change)
        if greeted.drained is not None:
            session.say_drained(greeted.drained)
        for attempt in greeted.stale:
            session.say_cancel(attempt, _SET_BACK if greeted.set_back else _NOT_CURRENT)
        session.repeat_cancels()

    def delivers(self, session: Session) -> None:
        """Records come: the end of a run that does not run any more may be behind them."""
        self._leases.renew_all(session.host)

    async def renew(self, session: Session, running: Iterable[Attempt]) -> None:
        """The agent says what runs: renew these leases, and have the rest ended."""
        unknown = []
        for attempt in running:
            if self._leases.renew(attempt.run_id, attempt.attempt, session.host):
                self._say_renewed(session, attempt)
            else:
                unknown.append(attempt)
        if not unknown:
            return
        await self._tasks.through(self._adopt(session, unknown), "the renewal of leases")

    async def _adopt(self, session: Session, unknown: Sequence[Attempt]) -> None:
        adopted = await self._store.write(
            lambda c: [
                leasing.adopt(
                    c, attempt, session.host, session.stream_id, session.replaces_stream_id
                )
                for attempt in unknown
            ]
        )
        for attempt, change in zip(unknown, adopted, strict=True):
            if change is None:
                session.say_cancel(attempt, _NOT_CURRENT)
                continue
            self._leases.grant(attempt.run_id, attempt.attempt, session.host)
            self.changes.publish(attempt.run_id)
            self._say_renewed(session, attempt)

    def _say_renewed(self, session: Session, attempt: Attempt) -> None:
        renewed = LeaseRenewed(attempt=attempt, lease_seconds=self._lease_seconds)
        session.outbox.put(("renew", attempt.run_id), AttendResponse(lease_renewed=renewed))

    def holds(self, session: Session, attempt: Attempt) -> bool:
        """Whether the attempt is leased to the session's host."""
        return self._leases.renew(attempt.run_id, attempt.attempt, session.host)

    async def submit(
        self, experiment: Experiment, hosts: Sequence[str], who: str = "", wish: Wish = PLAIN
    ) -> list[str]:
        """Store the experiment and queue a run on each of the hosts; the run ids.

        Raises HostsBusy. `who` is for the log. One transaction. Once it is durable this returns,
        and the offers follow, whether or not whoever asked still waits.
        """
        return await self._tasks.through(self._submit(experiment, hosts, who, wish), "a submission")

    async def _submit(
        self, experiment: Experiment, hosts: Sequence[str], who: str, wish: Wish
    ) -> list[str]:
        now = self._store.now()
        made = await self._store.write(lambda c: submitting.submit(c, experiment, hosts, now, wish))
        for run_id, host in zip(made, hosts, strict=True):
            submitting.log_submitted(run_id, experiment, host, who)
        waiting = dict.fromkeys((*hosts, *wish.candidates))
        # What of this is not done when the collector stops is done as agents come back.
        self._tasks.start(self.queued(waiting), "offers")
        return made

    async def queued(self, hosts: Iterable[str]) -> None:
        """Runs were queued on these hosts."""
        self._waiting.update(hosts := [*hosts])
        await self._offer_all(hosts)
        self._count_soon()

    async def _offer_all(self, hosts: Iterable[str]) -> None:
        """A commit for so many hosts, and records in between."""
        here = [self._sessions[host] for host in hosts if host in self._sessions]
        for start in range(0, len(here), _LEASED_TOGETHER):
            some = [*filter(self._takes_a_run, here[start : start + _LEASED_TOGETHER])]
            if some:
                await self._tasks.through(self._lease(some), "offers")

    async def offer(self, session: Session) -> None:
        """Lease the next run to an agent that has none and takes one."""
        if self._takes_a_run(session):
            # A stream that ends now must not leave a stored lease without a deadline.
            await self._tasks.through(self._lease([session]), "an offer")

    def _takes_a_run(self, session: Session) -> bool:
        host = session.host
        if host not in self._waiting or session.running or self._leases.of_host(host):
            return False
        return not session.closed() and not session.not_ready

    async def _lease(self, sessions: Sequence[Session]) -> None:
        """In one transaction. Each is handed over whatever becomes of the others."""
        self._waiting.difference_update(session.host for session in sessions)
        now = self._store.now()

        def lease(connection: Connection, session: Session) -> Leased | None:
            return leasing.lease_next(
                connection,
                session.host,
                now,
                session.stream_id,
                lambda asked: not unknown_to(session.features, asked),
            )

        leased = await self._store.write(lambda c: [lease(c, session) for session in sessions])
        found = [(session, run) for session, run in zip(sessions, leased, strict=True) if run]
        await asyncio.gather(*(self._hand_over(session, run, now) for session, run in found))

    async def _hand_over(self, session: Session, leased: Leased, now: float) -> None:
        host = session.host
        # There may be more; looking costs little.
        self._waiting.add(host)
        attempt = Attempt(run_id=leased.run_id, attempt=leased.attempt)
        if session.closed():
            change = await self._store.write(
                lambda c: ends.lose(c, attempt, "its agent left", now, counted=False)
            )
            if change is not None:
                self._lost(change)
            return
        experiment = leased.experiment
        if unknown := unknown_to(session.features, experiment):
            change = await self._store.write(lambda c: ends.fail(c, attempt, unknown, now))
            if change is not None:
                self._lost(change)
            return
        session.believe({leased.run_id: leased.bounds})
        self._leases.grant(leased.run_id, leased.attempt, host)
        log.info(
            "run leased",
            extra=with_fields(
                run=leased.run_id, attempt=leased.attempt, experiment=experiment.name, host=host
            ),
        )
        if not session.knows_networks:
            experiment = _for_earlier_agents(experiment)
        lease = Lease(attempt=attempt, experiment=experiment, lease_seconds=self._lease_seconds)
        session.outbox.put(("lease", leased.run_id), AttendResponse(lease=lease))
        self.changes.publish(leased.run_id)
        self._count_soon()

    async def declined(self, session: Session, attempts: Iterable[Attempt]) -> None:
        """Leases that their agent did not take."""
        for attempt in attempts:
            if self._leases.renew(attempt.run_id, attempt.attempt, session.host):
                losing = self._lose(attempt, session.not_ready)
                await self._tasks.through(losing, "a declined lease")

    async def _lose(self, attempt: Attempt, reason: str, counted: bool = False) -> None:
        now = self._store.now()
        change = await self._store.write(
            lambda c: ends.lose(c, attempt, reason, now, counted=counted)
        )
        self._leases.end(attempt.run_id, attempt.attempt)
        if change is not None:
            self._lost(change)

    async def expel(self, host: str, reason: str) -> None:
        """The agent of a host is refused: its attempt counts as one that died."""
        run_id = self._leases.of_host(host)
        if attempt := self._leases.attempt_of(run_id):
            await self._lose(attempt, reason, counted=True)

    async def end_all(self, host: str, reason: str) -> None:
        """End what waits for a host, and the leases of one whose agent is not here."""
        now = self._store.now()
        changes = await self._store.write(lambda c: ends.end_all(c, host, reason, now))
        for change in changes:
            if change.state in store_runs.ENDED:
                self.ended(change)
            else:
                # Another host may have it.
                self._waiting.add(change.host)
                self.changes.publish(change.run_id)

    async def cancel(self, run_id: str, reason: str, *, only_queued: bool = False) -> None:
        """Durable; the agent is told until the run's terminal record comes.

        `only_queued`: a run that an agent has is left alone.
        """
        await self._tasks.through(self._cancel(run_id, reason, only_queued), "a cancellation")

    async def _cancel(self, run_id: str, reason: str, only_queued: bool) -> None:
        now = self._store.now()
        change = await self._store.write(
            lambda c: ends.cancel(c, run_id, reason, now, only_queued=only_queued)
        )
        if change is None:
            return
        if change.state != RunState.RUN_STATE_LEASED:
            self.ended(change)
            return
        if session := self._sessions.get(change.host):
            session.cancels[run_id] = (change.attempt, reason)
            session.repeat_cancels()
        self.changes.publish(run_id)

    def ended(self, change: Change) -> None:
        """A terminal record came, a run was lost for good, or it was cancelled in the queue."""
        if change.state == RunState.RUN_STATE_QUEUED:
            self._lost(change)
            return
        self._leases.end(change.run_id, change.attempt)
        log.info(
            "run ended",
            extra=with_fields(
                run=change.run_id,
                attempt=change.attempt,
                host=change.host,
                state=word(RunState, change.state),
                outcome=change.reason,
                seconds=round(change.seconds, 3),
            ),
        )
        self._metrics.run_ended(change.state)
        self._on_ended(change.run_id)
        self.changes.publish(change.run_id)
        self._waiting.add(change.host)
        if session := self._sessions.get(change.host):
            session.cancels.pop(change.run_id, None)
            self._tasks.start(self.offer(session), "an offer")
        self._count_soon()

    def _lost(self, change: Change) -> None:
        log.warning(
            "attempt lost",
            extra=with_fields(
                run=change.run_id,
                attempt=change.attempt,
                host=change.host,
                state=word(RunState, change.state),
                outcome=change.reason,
            ),
        )
        if change.state != RunState.RUN_STATE_QUEUED:
            self.ended(change)
            return
        self._leases.end(change.run_id, change.attempt)
        self._waiting.add(change.host)
        self.changes.publish(change.run_id)
        if session := self._sessions.get(change.host):
            session.cancels.pop(change.run_id, None)
            self._tasks.start(self.offer(session), "an offer")

    async def tick(self) -> bool:
        """End what has passed its deadline; false when this process itself stood still."""
        passed = self._leases.tick()
        if passed is None:
            log.warning("the collector stood still; every lease got a fresh deadline")
            return False
        for attempt in passed:
            await self._expire(attempt)
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + self._look_seconds
            await self._look()
        return True

    async def _look(self) -> None:
        """Offer what is queued for agents that attend, whoever should have done so before.

        What has waited too long ends.
        """
        now, here = self._store.now(), frozenset(self._sessions)
        gone_before = now - self._host_expiry_seconds
        for run_id, why in await self._store.read(
            lambda c: store_queue.expired(c, now, gone_before, here)
        ):
            await self.cancel(run_id, why, only_queued=True)
        self._waiting |= await self._store.read(store_queue.waiting_hosts)
        await self._offer_all(sorted(self._waiting))

    async def _expire(self, attempt: Attempt) -> None:
        now = self._store.now()
        reason = f"no sign of it for {self._lease_seconds:g} s"
        change = await self._store.write(lambda c: ends.lose(c, attempt, reason, now))
        self._leases.end(attempt.run_id, attempt.attempt)
        if change is not None:
            self._lost(change)
            if session := self._sessions.get(change.host):
                await self.offer(session)

    def _count_soon(self) -> None:
        """Once for all that changes before it is done."""
        self._miscounted = True
        if not self._counting:
            self._counting = True
            self._tasks.start(self._count_again(), "the count of runs")

    async def _count_again(self) -> None:
        try:
            while self._miscounted:
                self._miscounted = False
                await self._count_runs()
        finally:
            self._counting = False

    async def _count_runs(self) -> None:
        counts = await self._store.read(store_runs.counts)
        self._metrics.set_runs(
            queued=counts.get(RunState.RUN_STATE_QUEUED, 0),
            leased=counts.get(RunState.RUN_STATE_LEASED, 0),
        )


def _for_earlier_agents(experiment: Experiment) -> Experiment:
    """The same in the engine's bridge where it asks for a network that they do not know."""
    if experiment.plan.network not in (Network.NETWORK_OWN, Network.NETWORK_UNSPECIFIED):
        return experiment
    bridged = Experiment()
    bridged.CopyFrom(experiment)
    bridged.plan.network = Network.NETWORK_HOLDER
    return bridged
