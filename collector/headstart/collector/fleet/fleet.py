"""The agents that attend: their hellos, heartbeats and silence."""

import asyncio
import logging
import re
import time
from collections.abc import Callable, Mapping

import grpc

from headstart.collector.config import CollectorConfig, Limits
from headstart.collector.fleet.allowed import Lacking, failing, refused_by
from headstart.collector.fleet.decisions import Decide, answer
from headstart.collector.fleet.dispatch import Dispatch
from headstart.collector.fleet.former_spool import STREAM_ID, check_question, tell_answer
from headstart.collector.fleet.host_orders import HostOrders
from headstart.collector.fleet.ingest import check_heartbeat
from headstart.collector.fleet.notes import Notes
from headstart.collector.fleet.refused import Refused
from headstart.collector.fleet.session import Session
from headstart.collector.own_metrics import Refusal, SelfMetrics
from headstart.collector.store import hello as store_hello, hosts as store_hosts
from headstart.collector.store.hello import Greeted
from headstart.collector.store.hosts import HostRoom, RenamedHost, TooManyHosts
from headstart.collector.store.record_bounds import Unbelievable, check_numbers
from headstart.collector.store.records import ForeignStream
from headstart.collector.store.store import Store
from headstart.collector.store.writer import StoreFault
from headstart.collector.tasks import Tasks, traceback_of
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.experiments_pb2 import HostState
from headstart.v1.fleet_pb2 import (
    AttendResponse,
    BlockFinished,
    Heartbeat,
    Hello,
    RecordBatch,
    Welcome,
)
from headstart.words.features import FEATURE_NAMES, unknown_to
from headstart.words.foreign.host_names import EXPECTED, is_host_name
from headstart.words.protocol import PROTOCOL_VERSION

log = logging.getLogger(__name__)

# How often a host's presence is written down while it stays.
_SEEN_SECONDS = 60.0
# How long a host is said to have a twin after one asked; it asks more often.
_TWIN_SECONDS = 60.0
# Acks replace each other, so an agent that reads never comes near this.
_UNREAD_MESSAGES = 1000
_LABEL = re.compile(r"[0-9A-Za-z_./-]{1,63}", re.ASCII)
_LONGEST_LABEL = 253


class Fleet:
    """Use from one event loop."""

    def __init__(
        self,
        config: CollectorConfig,
        store: Store,
        metrics: SelfMetrics,
        *,
        decide: Decide,
        on_ended: Callable[[str], None],
    ) -> None:
        self._config = config
        self._store = store
        self._metrics = metrics
        self._decide = decide
        self._sessions: dict[str, Session] = {}
        self._tasks = Tasks()
        self._notes = Notes(store)
        # Why the agent of a host that was last here at a time is refused; empty: it is not.
        self.refused_host: Callable[[str, float], str] = lambda _host, _seen: ""
        self.dispatch = Dispatch(store, self._sessions, metrics, config.timing, on_ended)
        self.orders = HostOrders(store, self._sessions, self.dispatch)

    async def start(self) -> None:
        """Take up what the store holds and watch over leases and streams."""
        now = self._store.now()
        await self._store.write(lambda c: store_hosts.seen_by(c, now))
        await self.dispatch.start()
        self._tasks.start(self._tick_forever(), "the tick")

    def close_streams(self) -> None:
        """End every stream; agents keep their runs and come back."""
        for session in self._sessions.values():
            session.close(Refused(grpc.StatusCode.UNAVAILABLE, "the collector is stopping"))

    async def stop(self) -> None:
        """After the last stream has ended."""
        await self._tasks.stop()
        await self._write_notes()
        await self.orders.stop()
        await self.dispatch.stop()

    async def greet(self, hello: Hello, serial: str = "") -> tuple[Session, Welcome]:
        """Begin a session. The newest stream of a host wins. Raises Refused.

        `serial` is that of the certificate that was shown.
        """
        limits, timing = self._config.limits, self._config.timing
        _check(hello, limits)
        host = hello.host.host
        older = self._sessions.get(host)
        if older is not None and hello.life and older.life not in (0, hello.life):
            # A host that was copied. One that lost its power is known to be gone soon.
            older.refused_twin = time.monotonic()
            raise Refused(
                grpc.StatusCode.UNAVAILABLE,
                f"another agent attends as host '{host}': is this one a copy of it? Stop one, or "
                f"name it with --host. If it was this one, it is known to be gone after "
                f"{timing.silence_seconds:g} s of silence",
                Refusal.IDENTITY,
            )
        if older is None and len(self._sessions) >= limits.agents:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{limits.agents} agents attend already; this collector takes no more",
            )
        session = Session(hello, self._store, limits, self._metrics, self.dispatch.ended, serial)
        self._sessions[host] = session
        self._metrics.stream_opened()
        if older is not None:
            if older.stream_id != hello.stream_id and not older.asks_whose_spool:
                log.warning("host %s attends with two spools: are two agents running?", host)
            older.close(Refused(grpc.StatusCode.ABORTED, "a newer stream of this host took over"))
        try:
            greeted = await self._tasks.through(self._take_up(session, hello), "a hello")
        except TooManyHosts as error:
            self.part(session)
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error), Refusal.QUOTA) from error
        except (ForeignStream, RenamedHost) as error:
            self.part(session)
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION, str(error), Refusal.IDENTITY
            ) from error
        except BaseException:
            self.part(session)
            raise
        if greeted.acked is None and hello.replaces_stream_id:
            self._metrics.stream_replaced()
            log.warning(
                "host %s begins stream %s in the place of %s, which is not what its spool holds: "
                "its machine or this store was reset to an earlier state or copied",
                host,
                hello.stream_id,
                hello.replaces_stream_id,
            )
        if greeted.takes_recorded is not None:
            tell_answer(hello, greeted.takes_recorded)
        if greeted.set_back:
            self._tell_set_back(session, greeted)
        acked = session.resume(greeted.acked)
        return session, Welcome(
            protocol_version=PROTOCOL_VERSION,
            acked_sequence=acked.sequence,
            acked_mark=acked.mark,
            heartbeat_seconds=timing.heartbeat_seconds,
            lease_seconds=timing.lease_seconds,
            ack_window=limits.ack_window,
            # Room for the message around the envelopes.
            maximum_batch_bytes=limits.message_bytes // 2,
            takes_recorded=greeted.takes_recorded,
        )

    def _tell_set_back(self, session: Session, greeted: Greeted) -> None:
        self._metrics.store_set_back()
        here = greeted.acked.sequence if greeted.acked is not None else 0
        log.error(
            "host %s has attempts, or had records acknowledged, of which this store knows nothing "
            "(%d records of stream %s after record %d): the store was set back to an earlier "
            "state, as by a restore, or the host was removed from it. What the agent still has is "
            "taken, what is partly gone is made again",
            session.host,
            greeted.gone,
            session.stream_id,
            here,
        )

    async def _take_up(self, session: Session, hello: Hello) -> Greeted:
        now = self._store.now()
        room = HostRoom(self._config.limits.hosts, self._config.timing.host_expiry_seconds)
        # Follows all that was taken from the older stream.
        greeted = await self._store.write(lambda c: store_hello.greet(c, hello, now, room))
        if greeted.gone:
            # It comes again with another stream, and is offered nothing before.
            session.not_ready = "its records begin a new stream"
        self.dispatch.take_up(session, greeted)
        return greeted

    def part(self, session: Session) -> None:
        """A stream ended. Its leases run on: the agent may be back in time."""
        if self._sessions.get(session.host) is session:
            del self._sessions[session.host]
        session.close(Refused(grpc.StatusCode.CANCELLED, "the stream ended"))
        self._metrics.stream_closed()
        self._notes.seen(session.host, self._store.now())

    def expel(self, serial: str, reason: str) -> None:
        """Whoever has this certificate is refused: what it has leased is lost, as by its death."""
        for session in list(self._sessions.values()):
            if serial and session.serial == serial:
                session.close(Refused(grpc.StatusCode.PERMISSION_DENIED, reason))
                self._tasks.start(self.dispatch.expel(session.host, reason), "an expulsion")

    async def take(self, session: Session, batch: RecordBatch) -> None:
        """Records. Raises Refused."""
        self.dispatch.delivers(session)
        await session.take(batch)

    async def beat(self, session: Session, heartbeat: Heartbeat) -> None:
        """Renew what the agent runs, end what it should not run, offer work when it has none.

        Raises Refused.
        """
        check_heartbeat(heartbeat, self._config.limits)
        before = session.last_heartbeat.progress
        session.last_heartbeat = heartbeat
        session.running = {(attempt.run_id, attempt.attempt) for attempt in heartbeat.running}
        session.not_ready = heartbeat.not_ready
        await self.dispatch.renew(session, heartbeat.running)
        if heartbeat.declined and heartbeat.not_ready:
            await self.dispatch.declined(session, heartbeat.declined)
        if heartbeat.progress != before:
            self._notes.progress(session.host, heartbeat.progress)
        if heartbeat.HasField("policy"):
            session.policy = heartbeat.policy
            self._notes.policy(session.host, heartbeat.policy)
        now = self._store.now()
        if now - session.last_stored_seconds > _SEEN_SECONDS:
            session.last_stored_seconds = now
            self._notes.seen(session.host, now)
        session.repeat_cancels()
        if len(session.outbox) > _UNREAD_MESSAGES:
            raise Refused(
                grpc.StatusCode.RESOURCE_EXHAUSTED, "the agent does not read what it is told"
            )
        await self.dispatch.offer(session)
        await session.pace()

    def block_finished(self, session: Session, question: BlockFinished) -> None:
        """The decision takes its time while records go on; a second question has none."""
        if session.asking:
            self._metrics.refused(Refusal.PROTOCOL)
            return
        session.asking = True
        self._tasks.start(self._answer(session, question), "a block's decision")

    async def _answer(self, session: Session, question: BlockFinished) -> None:
        try:
            await self.dispatch.renew(session, [question.attempt])
            if self.dispatch.holds(session, question.attempt):
                decision = await answer(self._store, self._decide, question)
                session.outbox.put(
                    ("decision", question.attempt.run_id), AttendResponse(block_decision=decision)
                )
        finally:
            session.asking = False

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(self._config.timing.tick_seconds)
            try:
                await self.tick()
            except Exception as error:
                log.error("the tick: %s", error, exc_info=traceback_of(error))

    async def _write_notes(self) -> None:
        try:
            for run_id in await self._notes.write():
                self.dispatch.changes.publish(run_id)
        except StoreFault as fault:
            # The leases are looked after all the same.
            log.warning("what agents say of themselves is not stored yet: %s", fault)

    async def tick(self) -> None:
        """End leases that have passed their deadline and streams that fell silent."""
        await self._write_notes()
        try:
            went_on = await self.dispatch.tick()
        except StoreFault as fault:
            # Again at the next tick. Streams that are silent end all the same.
            log.warning("leases that have passed their deadline are not ended yet: %s", fault)
            went_on = True
        silence = self._config.timing.silence_seconds
        now = time.monotonic()
        for session in list(self._sessions.values()):
            if not went_on:
                session.last_message = now
            elif now - session.last_message > silence:
                session.close(
                    Refused(grpc.StatusCode.UNAVAILABLE, f"nothing came for {silence:g} s")
                )

    def attends(self, host: str) -> bool:
        """Whether an agent of this host is here now."""
        return host in self._sessions

    def lacking(self, host: str, experiment: Experiment) -> Lacking:
        """Why a host's agent cannot run an experiment, or not all of it; of one that is not here
        nothing is known.
        """
        session = self._sessions.get(host)
        if session is None:
            return Lacking()
        if unknown := unknown_to(session.features, experiment):
            return failing(unknown)
        if session.policy is None:
            return Lacking()
        return refused_by(session.policy, experiment)

    async def hosts(self) -> list[HostState]:
        """Every host, with what its agent says now."""
        states = await self._store.read(store_hosts.states)
        for state in states:
            state.running_run_id = self.dispatch.running_on(state.host.host)
            if session := self._sessions.get(state.host.host):
                state.connected = True
                silent_seconds = time.monotonic() - session.last_message
                state.last_seen_time_seconds = self._store.now() - silent_seconds
                state.spool_bytes = session.last_heartbeat.spool_bytes
                state.not_ready = session.not_ready
                lacking = (name for name in FEATURE_NAMES if name not in session.features)
                state.lacking_features.extend(lacking)
                ago = time.monotonic() - session.refused_twin
                if ago < _TWIN_SECONDS:
                    state.refused_twin_time_seconds = self._store.now() - ago
            else:
                state.not_ready = self.refused_host(state.host.host, state.last_seen_time_seconds)
        return states


def _check(hello: Hello, limits: Limits) -> None:
    if hello.protocol_version != PROTOCOL_VERSION:
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"the agent speaks protocol {hello.protocol_version}, this collector "
            f"{PROTOCOL_VERSION}: install the same release on both",
            Refusal.PROTOCOL,
        )
    if not is_host_name(hello.host.host):
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"the agent calls itself {hello.host.host[:80]!r}; a host's name is {EXPECTED}: "
            "start the agent with --host NAME",
            Refusal.IDENTITY,
        )
    if not STREAM_ID.fullmatch(hello.stream_id):
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            "a hello needs a stream id of 1 to 64 letters, digits, '_' and '-'",
            Refusal.PROTOCOL,
        )
    check_question(hello)
    if hello.ByteSize() > limits.hello_bytes:
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"a hello of {hello.ByteSize()} bytes; at most {limits.hello_bytes} are taken",
            Refusal.TOO_LARGE,
        )
    try:
        check_numbers(hello, "hello")
    except Unbelievable as error:
        raise Refused(
            grpc.StatusCode.FAILED_PRECONDITION, str(error), Refusal.UNBELIEVABLE
        ) from error
    if wrong := _wrong_label(hello.host.labels):
        raise Refused(grpc.StatusCode.FAILED_PRECONDITION, wrong, Refusal.UNBELIEVABLE)


def _wrong_label(labels: Mapping[str, str]) -> str:
    """Why one of a host's labels cannot be; empty: none."""
    for name, value in labels.items():
        if not _LABEL.fullmatch(name):
            return f"{name[:80]!r} is no label: up to 63 letters, digits, '.', '_', '-' and '/' are"
        if len(value) > _LONGEST_LABEL or not value.isprintable():
            return (
                f"the label {name} is {value[:80]!r}; at most {_LONGEST_LABEL} characters that "
                "can be printed were expected"
            )
    return ""
