"""The agent's side of `FleetService.Attend`: one stream, resumed for ever.

One coroutine writes (hello, heartbeats, questions, records), one reads (acks,
leases, cancels). What is in flight is bounded by the collector's ack window, and
in bytes by how fast they are acked; after a reconnect, sending resumes behind the
highest acked sequence.
"""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

import grpc
import grpc.aio

from headstart.agent.uplink.collector_addresses import Addresses
from headstart.agent.uplink.collector_bounds import (
    CollectorFault,
    Terms,
    check_ack,
    check_attempt,
    terms_of,
    words_of,
)
from headstart.agent.uplink.collector_tls import ClientTls, aio_channel_to
from headstart.agent.uplink.former_name import Answered, question, settle
from headstart.agent.uplink.held_runs import HeldRuns
from headstart.agent.uplink.in_flight import InFlight
from headstart.agent.uplink.spool import NotSetAside, Spool
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.fleet_pb2 import (
    Attempt,
    AttendRequest,
    AttendResponse,
    BlockFinished,
    Drained,
    Heartbeat,
    Hello,
    Lease,
    RecordBatch,
    Welcome,
)
from headstart.v1.fleet_pb2_grpc import FleetServiceStub
from headstart.v1.host_pb2 import HostFacts, Policy
from headstart.v1.records_pb2 import Envelope, RunOutcome, RunStatus
from headstart.words.denied import DENIED_KEY, REVOKED, ROLE
from headstart.words.features import FEATURE_NAMES
from headstart.words.foreign.certificates import CertificateProblem
from headstart.words.protocol import PROTOCOL_VERSION
from headstart.words.standing_by import STANDING_BY_KEY

log = logging.getLogger(__name__)

# A larger one is told with the next hello: heartbeats are bounded.
_LARGEST_POLICY_BYTES = 8 << 10
_BATCH_ENVELOPES = 32
# Runs whose end waits for an ack. With more no lease is taken: each would add one.
_MOST_UNACKED = 1000
_CERTIFICATE_SECONDS = 5.0
_ROLE_SECONDS = 15.0
# Longer than each of the others is left alone: one that is about to be the active one refuses for a
# moment, and to try a frozen one meanwhile takes as long as its patience.
_FROZEN_SECONDS = 6.0
# For finding out what is wrong with a certificate, where another address waits.
_REASON_SECONDS = 1.0
# After a stream that lasted so long the next try comes as soon as after a start.
_GOOD_SECONDS = 15.0
# Of an agent whose certificate was revoked, unless it gets another one.
_REVOKED_SECONDS = 300.0
_LOOK_SECONDS = 5.0
# With those of `Addresses.keepalive_options`.
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 1 << 20),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 5_000),
]


_Stream: TypeAlias = "grpc.aio.StreamStreamCall[AttendRequest, AttendResponse]"


class Refused(Exception):
    """The collector will not have this agent; trying again changes nothing."""


class _NoHandshake(Exception):
    """A connection was not made in its time; another address is tried."""


class NewStream(Exception):
    """The collector's stream is not the spool's: a new one began; the message says why."""


@dataclass
class Attendance:
    """Keeps the stream; `run` returns only when `stopping` is set or on Refused."""

    addresses: Addresses
    # None: a socket, or plaintext that was asked for.
    tls: ClientTls | None
    host: Callable[[], HostFacts]
    # As it is now: it is asked for at each hello and heartbeat.
    policy: Callable[[], Policy]
    spool: Spool
    runs: HeldRuns
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    # The one run that may be leased here, once it is known; None: any.
    only_run: asyncio.Future[str] | None = None
    # Called once with True at every welcome and with False at every loss.
    on_connected: Callable[[bool], None] = lambda _connected: None
    _questions: deque[BlockFinished] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _sent: int = 0
    _acked: int = 0
    _in_flight: InFlight = field(default_factory=InFlight)
    # No collector can have a record behind this one.
    _ever_sent: int = 0
    _refused_leases: int = 0
    _told_policy: Policy = field(default_factory=Policy)
    # Why no run is taken any more; empty: the agent stays.
    leaving: str = ""
    _connected: bool = False
    # A collector took this agent, in this life of its.
    _attended: bool = False
    _beat_now: bool = False
    # Leases that were not taken, to be told in the next heartbeat.
    _declined: deque[Attempt] = field(default_factory=deque)

    async def run(self) -> None:
        """Attend until stopped; every loss of the stream is followed by another try."""
        self._loop = asyncio.get_running_loop()
        self.spool.on_append(self.wake)
        self.runs.on_end(self.wake)
        # What an earlier life of the agent left was perhaps sent.
        self._ever_sent = self.spool.last
        while not self.stopping.is_set():
            wait = await self._attend_once()
            self._part()
            await self._pause(wait)

    def _part(self) -> None:
        if self._connected:
            self._connected = False
            self.on_connected(False)

    async def _attend_once(self) -> float:
        """Attend the current address for as long as it goes; seconds until the next try.

        Raises Refused.
        """
        target = self.addresses.current
        options = [*self.addresses.keepalive_options, *CHANNEL_OPTIONS]
        try:
            async with aio_channel_to(target, self.tls, options) as channel:
                await self._shake_hands(channel)
                await self._session(channel)
        except grpc.aio.AioRpcError as error:
            denial = _denial(error)
            if denial == REVOKED:
                await self._wait_revoked(words_of(error.details() or ""))
                self.addresses.good()
                return 0.0
            if denial == ROLE and self._attended:
                # Somebody changed the roles, perhaps by mistake: a fleet that ends would have to
                # be started by hand, host by host.
                return self._lost(target, words_of(error.details() or ""), _ROLE_SECONDS)
            if error.code() in (
                grpc.StatusCode.FAILED_PRECONDITION,
                grpc.StatusCode.PERMISSION_DENIED,
                grpc.StatusCode.UNAUTHENTICATED,
            ):
                raise Refused(error.details() or error.code().name) from error
            why = await self._why(error, target)
            # One that had the agent and is gone: the others first, as where no hands are shaken.
            gone = _FROZEN_SECONDS if self._connected and self.addresses.several else 0.0
            return self._lost(target, why, gone, quiet=_stands_by(error))
        except _NoHandshake as slow:
            self.addresses.shook_no_hands()
            # The others first: it may be frozen, and each try of it takes as long.
            return self._lost(target, str(slow), _FROZEN_SECONDS)
        except CertificateProblem as problem:
            # Somebody has to do something first.
            return self._lost(target, str(problem), _CERTIFICATE_SECONDS)
        except NewStream as new:
            log.warning(
                "stream %s begins in the place of %s, with the records that wait: %s",
                self.spool.stream_id,
                self.spool.replaces,
                new,
            )
        except Answered:
            self.addresses.good()
        except CollectorFault as fault:
            return self._lost(target, f"the collector is at fault: {fault}")
        except sqlite3.OperationalError as error:
            # A new stream has to be written down before it begins.
            return self._lost(target, f"the spool cannot be written: {error}")
        except NotSetAside as problem:
            return self._lost(target, str(problem))
        return self.addresses.again()

    async def _shake_hands(self, channel: grpc.aio.Channel) -> None:
        """Where there is another collector, none is waited for as long as gRPC would."""
        if (patience := self.addresses.patience_seconds) is None:
            return
        try:
            async with asyncio.timeout(patience):
                await self._connected_or_failed(channel)
        except TimeoutError:
            raise _NoHandshake(f"no connection within {patience:g} s") from None

    async def _connected_or_failed(self, channel: grpc.aio.Channel) -> None:
        state = channel.get_state(try_to_connect=True)
        # What failed is told by the call: it has the words.
        while state in (grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING):
            await channel.wait_for_state_change(state)
            state = channel.get_state(try_to_connect=True)

    def _lost(self, target: str, why: str, at_least: float = 0.0, *, quiet: bool = False) -> float:
        """Say so, and go on to whichever address is next; seconds until then."""
        wait = self.addresses.failed(at_least)
        log.log(
            # With two collectors every other try meets the one that stands by.
            logging.INFO if quiet else logging.WARNING,
            "collector %s: %s; %s in %.1f s, records wait in the spool",
            target,
            why,
            f"{self.addresses.current} is tried" if self.addresses.several else "again",
            wait,
        )
        return wait

    async def _wait_revoked(self, why: str) -> None:
        """End what runs, say what to do, and try again much later or with another certificate."""
        self._part()
        log.error(
            "%s. What ran here is given back, and nothing is measured. Ask whoever operates the "
            "collector %s to take that back (headstart revoke --take-back) or for another "
            "certificate (headstart enroll with a new token): one that changed is tried at once, "
            "this one every %.0f min",
            why,
            self.addresses.current,
            _REVOKED_SECONDS / 60,
        )
        await asyncio.to_thread(self.runs.give_all_back, why)
        shown = self.tls.stamp() if self.tls is not None else None
        waited = 0.0
        while waited < _REVOKED_SECONDS and not self.stopping.is_set():
            await self._pause(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
            if self.tls is not None and await asyncio.to_thread(self.tls.stamp) != shown:
                log.info("the certificate changed: it is shown to the collector")
                return

    def wake(self) -> None:
        """Something new is to be sent; from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def ask(self, question: BlockFinished) -> None:
        """Queue a question for the collector; from any thread."""
        self._questions.append(question)
        self.wake()

    async def _why(self, error: grpc.aio.AioRpcError, target: str) -> str:
        """The collector's words, or what is wrong with a certificate: gRPC does not tell that."""
        problem = ""
        if _stands_by(error):
            return words_of(error.details() or "it stands by")
        if error.code() == grpc.StatusCode.UNAVAILABLE and self.tls is not None:
            asked = asyncio.to_thread(self.tls.problem, target)
            try:
                # It takes some seconds where nobody answers, in which another address may.
                async with asyncio.timeout(_REASON_SECONDS if self.addresses.several else None):
                    problem = await asked
            except TimeoutError:
                problem = ""
        return problem or f"{error.code().name} ({words_of(error.details() or '')})"

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass

    async def _session(self, channel: grpc.aio.Channel) -> None:
        # Reading host facts takes a moment, in which other coroutines go on.
        hello = await asyncio.to_thread(self._hello)
        stream = FleetServiceStub(channel).Attend()
        await _write(stream, AttendRequest(hello=hello))
        first = await stream.read()
        if not isinstance(first, AttendResponse):
            # The status says why; reading it raises what `run` handles.
            await _raise_status(stream)
            return
        if not first.HasField("welcome"):
            raise CollectorFault(f"it begins with {first.WhichOneof('message')}, not a welcome")
        welcome = first.welcome
        if hello.recorded_as:
            stream.cancel()
            await asyncio.to_thread(settle, self.spool, hello.host.host, welcome)
            self._ever_sent = self.spool.last
            raise Answered
        if differs := await asyncio.to_thread(self._differs, welcome):
            await asyncio.to_thread(self.spool.begin_stream)
            self._ever_sent = 0
            stream.cancel()
            raise NewStream(differs)
        await asyncio.to_thread(self.spool.ack, welcome.acked_sequence)
        self._acked = self._sent = welcome.acked_sequence
        self._in_flight = InFlight()
        self._connected = self._attended = True
        since = time.monotonic()
        self.on_connected(True)
        log.info("attending %s, resuming after sequence %d", self.addresses.current, self._acked)
        reader = asyncio.create_task(self._read(stream))
        writer = asyncio.create_task(self._write(stream, terms_of(welcome)))
        stopper = asyncio.create_task(self.stopping.wait())
        try:
            await asyncio.wait({reader, writer, stopper}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.addresses.left()
            if self._sent > welcome.acked_sequence:
                self.addresses.carried(self._acked > welcome.acked_sequence)
            if time.monotonic() - since >= _GOOD_SECONDS:
                self.addresses.good()
            for task in (reader, writer, stopper):
                task.cancel()
            await asyncio.gather(reader, writer, stopper, return_exceptions=True)
            if self.stopping.is_set():
                await stream.done_writing()
                stream.cancel()
        for task in (reader, writer):
            if not task.cancelled() and (error := task.exception()):
                raise error
        if not self.stopping.is_set():
            await _raise_status(stream)

    def _differs(self, welcome: Welcome) -> str:
        """Why the collector's stream is not the one in the spool; empty: it is."""
        acked = welcome.acked_sequence
        if differs := self.spool.differs(acked, welcome.acked_mark):
            return differs
        if acked > self._ever_sent:
            return f"the collector has record {acked} of this stream, which was never sent"
        return ""

    def _hello(self) -> Hello:
        self._told_policy = self.policy()
        if self.spool.recorded_as:
            return question(self.spool, self.host(), self._told_policy)
        running = [held.key() for held in self.runs.running()]
        unacked = self.spool.unacked_attempts()
        return Hello(
            protocol_version=PROTOCOL_VERSION,
            host=self.host(),
            policy=self._told_policy,
            stream_id=self.spool.stream_id,
            replaces_stream_id=self.spool.replaces,
            life=self.spool.life,
            not_ready=self.not_ready(),
            features=FEATURE_NAMES,
            running=running,
            unacked=unacked,
            acked_sequence=self.spool.acked,
            partly_acked=[*filter(self.spool.is_partly_acked, [*running, *unacked])],
        )

    async def _write(self, stream: _Stream, terms: Terms) -> None:
        loop = asyncio.get_running_loop()
        next_heartbeat = loop.time()
        gathering: asyncio.Task[list[Envelope]] | None = None
        try:
            while True:
                if gathering is None:
                    self._wake.clear()
                    room = self._in_flight.room_for_next(terms.batch_bytes)
                    free = terms.window - (self._sent - self._acked) if room else 0
                    gathering = asyncio.create_task(
                        asyncio.to_thread(self._gathered, max(0, min(free, _BATCH_ENVELOPES)))
                    )
                # A disk that hangs keeps no heartbeat: it says so.
                await asyncio.wait({gathering}, timeout=max(0.01, next_heartbeat - loop.time()))
                if self._beat_now or loop.time() >= next_heartbeat:
                    self._beat_now = False
                    # It asks the spool's disk, and reads the policy's file.
                    heartbeat = await asyncio.to_thread(self._heartbeat)
                    await _write(stream, AttendRequest(heartbeat=heartbeat))
                    next_heartbeat = loop.time() + terms.heartbeat_seconds
                if not gathering.done():
                    continue
                batch, gathering = gathering.result(), None
                fitting = _fitting(batch, room, at_least=1 if self._in_flight.is_empty else 0)
                if fitting:
                    message = AttendRequest(batch=RecordBatch(envelopes=fitting))
                    self._sent = fitting[-1].sequence
                    self._ever_sent = max(self._ever_sent, self._sent)
                    # Before it is written, which takes its time on a slow way.
                    self._in_flight.send(self._sent, message.ByteSize(), loop.time())
                    await _write(stream, message)
                    continue
                # A question is about records: it follows them.
                while self._questions and free and not batch:
                    await _write(stream, AttendRequest(block_finished=self._questions.popleft()))
                try:
                    # At most a second, so that waiting sample batches are flushed.
                    async with asyncio.timeout(min(1.0, max(0.01, next_heartbeat - loop.time()))):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            if gathering is not None:
                # Its thread ends by itself; what it meets in a spool that was closed is nobody's.
                gathering.cancel()

    def _gathered(self, most: int) -> list[Envelope]:
        """What is to be sent next."""
        self.spool.flush()
        return self.spool.read(self._sent, most)

    def _heartbeat(self) -> Heartbeat:
        policy = self.policy()
        spool_bytes, spool_records, dropped = self.spool.state()
        running = self.runs.running()
        changed = policy != self._told_policy and policy.ByteSize() < _LARGEST_POLICY_BYTES
        if changed:
            self._told_policy = policy
        return Heartbeat(
            policy=policy if changed else None,
            running=[held.key() for held in running],
            spool_bytes=spool_bytes,
            spool_records=spool_records,
            dropped_batches=dropped,
            progress=[held.progress for held in running],
            not_ready=self.not_ready(),
            declined=[self._declined.popleft() for _ in range(len(self._declined))],
        )

    def not_ready(self) -> str:
        """Why no run is taken now; empty: one is."""
        return self.leaving or self.spool.problem()

    def _not_ready_for_run(self) -> str:
        """The same, once the disk was asked: a run that it cannot hold is better not begun."""
        if not (reason := self.not_ready()):
            self.spool.look()
            reason = self.not_ready()
        return reason

    def leave(self, reason: str) -> None:
        """Take no more runs, and tell the collector so; call it in the loop's thread."""
        self.leaving = reason
        self._beat()

    def _beat(self) -> None:
        """Send the next heartbeat at once."""
        self._beat_now = True
        self._wake.set()

    async def delivered(self, seconds: float) -> None:
        """Return once the ends of all runs are acked, or after these seconds.

        At once without a collector: the hello of the agent's next life names them.
        """
        try:
            async with asyncio.timeout(seconds):
                while self._connected:
                    unacked = await asyncio.to_thread(self.spool.unacked_attempts)
                    if not unacked:
                        return
                    await asyncio.sleep(0.02)
        except TimeoutError:
            log.warning("the end of a run waits in the spool: no ack within %g s", seconds)

    async def _read(self, stream: _Stream) -> None:
        while True:
            response = await stream.read()
            if not isinstance(response, AttendResponse):
                return
            await self._handle(response)

    async def _handle(self, response: AttendResponse) -> None:
        match response.WhichOneof("message"):
            case "ack":
                check_ack(response.ack.sequence, self._sent)
                if response.ack.sequence <= self._acked:
                    return
                self._acked = response.ack.sequence
                self._in_flight.confirm(self._acked, asyncio.get_running_loop().time())
                await asyncio.to_thread(self.spool.ack, self._acked)
                self._wake.set()
            case "lease":
                await self._take(response.lease)
            case "cancel":
                self.runs.cancel(response.cancel.attempt, words_of(response.cancel.reason))
            case "drained":
                self._tell_drained(response.drained)
            case "block_decision":
                decision = response.block_decision
                if held := self.runs.get(decision.attempt):
                    held.decide(decision.blocks_done, decision.another, words_of(decision.reason))

    def _tell_drained(self, said: Drained) -> None:
        """In the log: who looks at the host shall know why it stands still."""
        if said.drained:
            log.warning(
                "the collector gives this host no new run, by an operator's word (%s); "
                "`headstart host resume` ends that",
                words_of(said.reason) or "no reason was given",
            )
        else:
            log.info("the collector gives this host runs again")

    async def _take(self, lease: Lease) -> None:
        check_attempt(lease.attempt)
        run_id, attempt = lease.attempt.run_id, lease.attempt.attempt
        if self.only_run is not None and run_id != await self.only_run:
            reason = f"this agent serves run {self.only_run.result()} and no other"
            log.warning("run %s is refused: %s", run_id, reason)
            outcome = RunOutcome(status=RunStatus.RUN_STATUS_FAILED, reason=reason)
            await asyncio.to_thread(self.spool.append, envelope_of(outcome, run_id, attempt))
            return
        if not_ready := await asyncio.to_thread(self._not_ready_for_run):
            log.warning("the lease of run %s is not taken: %s", run_id, not_ready)
            self._declined.append(lease.attempt)
            self._beat()
            return
        unacked = await asyncio.to_thread(self.spool.unacked_attempts)
        if len(unacked) >= _MOST_UNACKED:
            self._refuse_lease(run_id, f"the ends of {len(unacked)} runs wait for an ack")
        elif self.runs.start(lease.attempt, lease.experiment, self.ask):
            self._wake.set()
        else:
            self._refuse_lease(run_id, "other runs are held here")

    def _refuse_lease(self, run_id: str, why: str) -> None:
        """Leave a lease; the collector sees in the heartbeats that it is not held."""
        self._refused_leases += 1
        # A flood of them must not become one of lines: at 1, 2, 4, 8 and so on.
        if self._refused_leases & (self._refused_leases - 1) == 0:
            log.warning(
                "the lease of run %s is not taken, since %s (%d so far)",
                run_id,
                why,
                self._refused_leases,
            )


def _denial(error: grpc.aio.AioRpcError) -> str:
    """Why a call was refused, as the collector tells a program; empty: it was not, or does not."""
    if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
        return ""
    found = [value for key, value in error.trailing_metadata() or () if key == DENIED_KEY]
    return str(found[0]) if found else ""


def _stands_by(error: grpc.aio.AioRpcError) -> bool:
    return error.code() is grpc.StatusCode.UNAVAILABLE and any(
        key == STANDING_BY_KEY for key, _ in error.trailing_metadata() or ()
    )


def _fitting(batch: list[Envelope], limit_bytes: int, at_least: int) -> list[Envelope]:
    """The longest head of a batch within the limit, at least so many records."""
    total = 0
    for count, envelope in enumerate(batch):
        total += envelope.ByteSize()
        if total > limit_bytes and count >= at_least:
            return batch[:count]
    return batch


async def _write(stream: _Stream, request: AttendRequest) -> None:
    """Write, and raise the status when the call has ended meanwhile."""
    try:
        await stream.write(request)
    except asyncio.InvalidStateError:
        await _raise_status(stream)


async def _raise_status(
    stream: _Stream,
) -> None:
    """Raise the stream's status as the error that a unary call would have raised."""
    raise grpc.aio.AioRpcError(
        await stream.code(),
        await stream.initial_metadata(),
        await stream.trailing_metadata(),
        details=await stream.details(),
    )
