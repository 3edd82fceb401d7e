"""One agent's stream: what was taken, what is durable, and what is still to be said to it."""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence

import grpc

from headstart.collector.config import Limits
from headstart.collector.fleet.allowance import Allowance
from headstart.collector.fleet.ingest import check_batch, check_envelope, is_opened, opened
from headstart.collector.fleet.outbox import Outbox
from headstart.collector.fleet.refused import Refused
from headstart.collector.own_metrics import Refusal, SelfMetrics
from headstart.collector.store import queries, records as store_records
from headstart.collector.store.record_bounds import Bounds, ForeignHost, Unbelievable
from headstart.collector.store.record_counts import RecordCounts
from headstart.collector.store.records import Watermark
from headstart.collector.store.runs import Change
from headstart.collector.store.store import Store
from headstart.collector.store.writer import Append, Appended, Spoil
from headstart.v1.fleet_pb2 import (
    Ack,
    Attempt,
    AttendResponse,
    Cancel,
    Drained,
    Heartbeat,
    Hello,
    RecordBatch,
)
from headstart.v1.records_pb2 import Envelope, Record, RecordKind
from headstart.words.features import FEATURE_NAMES
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

# An agent has one run, and a few in its spool.
_KNOWN_RUNS = 1000
# Unpacking this much takes a millisecond or so; others get their turn behind it.
_LONG_BYTES = 256 * 1024


class Session:
    """Lives from a valid hello to the end of its stream. `on_ended` hears of ended runs."""

    def __init__(
        self,
        hello: Hello,
        store: Store,
        limits: Limits,
        metrics: SelfMetrics,
        on_ended: Callable[[Change], None],
        serial: str = "",
    ) -> None:
        self.host = hello.host.host
        # Of its agent's certificate; empty: it has none.
        self.serial = serial
        self.stream_id = hello.stream_id
        self.replaces_stream_id = hello.replaces_stream_id
        # Its agent comes again with another stream, as soon as it knows whose its spool is.
        self.asks_whose_spool = bool(hello.recorded_stream_id)
        self.life = hello.life
        # Why the agent takes no run; empty: it does.
        self.not_ready = hello.not_ready
        # What may run there, as it last said; None: it says nothing of it.
        self.policy = hello.policy if hello.HasField("policy") else None
        # Agents before NETWORK_OWN name no networks, and take what they do not know for the host's.
        self.knows_networks = bool(hello.policy.networks)
        # Only what can be asked for; agents of one release say "secrets" in their policy.
        self.features = {*FEATURE_NAMES} & {*hello.features}
        if hello.policy.knows_secrets:
            self.features.add("secrets")
        # Attempts that the agent said it runs, minus those whose terminal record came.
        self.running = {(attempt.run_id, attempt.attempt) for attempt in hello.running}
        # Run id -> attempt and reason, said again at every heartbeat.
        self.cancels: dict[str, tuple[int, str]] = {}
        self.last_heartbeat = Heartbeat()
        self.last_message = time.monotonic()
        # When another agent asked to attend as this host, by the monotonic clock.
        self.refused_twin = -math.inf
        self.last_stored_seconds = store.now()
        self.outbox = Outbox()
        # A block's question is being answered; an agent has one at a time.
        self.asking = False
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._on_ended = on_ended
        self._received = 0
        self._durable = 0
        # The first record of a stream that this store has never seen sets its base.
        self._new_stream = False
        self._room = asyncio.Event()
        # What the records of each run may say; None: the store does not know the run.
        self._known_runs: dict[str, Bounds | None] = {}
        # Those of the attempt whose records come; a spool has one after the other. What goes back
        # to an earlier one is counted when the run is analysed.
        self._counted: tuple[tuple[str, int], RecordCounts] | None = None
        # Attempts whose records were dropped, so that this is logged once.
        self._fenced: set[tuple[str, int]] = set()
        self._bytes = Allowance(limits.agent_bytes_per_second, limits.agent_burst_bytes)
        self._beats = Allowance(limits.heartbeats_per_second, limits.heartbeat_burst)
        self._told_beats = False

    def say_cancel(self, attempt: Attempt, reason: str) -> None:
        """Tell the agent to end an attempt."""
        self.outbox.put(
            ("cancel", attempt.run_id, attempt.attempt),
            AttendResponse(cancel=Cancel(attempt=attempt, reason=reason)),
        )

    def say_drained(self, reason: str | None) -> None:
        """Tell the agent why it is given no run; None: it is again."""
        said = Drained(drained=reason is not None, reason=reason or "")
        self.outbox.put("drained", AttendResponse(drained=said))

    def repeat_cancels(self) -> None:
        """Tell again what was asked and has not come about."""
        for run_id, (number, reason) in self.cancels.items():
            self.say_cancel(Attempt(run_id=run_id, attempt=number), reason)

    def closed(self) -> bool:
        """No message of this stream counts any more."""
        return self._closed.done()

    def close(self, refused: Refused) -> None:
        """End the stream with a status; takes effect at once, also for what was read already."""
        if not self._closed.done():
            self._closed.set_exception(refused)
            # Read once, or asyncio complains when the stream had ended by itself before.
            self._closed.exception()

    async def until_closed(self) -> None:
        """Raises the Refused with which the session was closed."""
        await asyncio.shield(self._closed)

    def believe(self, bounds: Mapping[str, Bounds | None]) -> None:
        """What the records of runs may say, from whoever has just read it: saves a look-up."""
        if len(self._known_runs) + len(bounds) > _KNOWN_RUNS:
            self._known_runs.clear()
        self._known_runs |= bounds

    def resume(self, acked: Watermark | None) -> Watermark:
        """Begin behind what is durable (None: the stream is new); the watermark for Welcome."""
        self._new_stream = acked is None
        watermark = acked or Watermark(0)
        self._received = self._durable = watermark.sequence
        return watermark

    async def take(self, batch: RecordBatch) -> None:
        """Hand a message's records to the store; acks follow by themselves. Raises Refused."""
        check_batch(batch, self._limits)
        append = Append(self.stream_id, [], self._received, [], lambda _done: None)
        started: list[Attempt] = []
        duplicates = 0
        for envelope in batch.envelopes:
            if envelope.sequence <= append.upto:
                duplicates += 1
                continue
            check_envelope(envelope, self._limits)
            self._check_order(envelope.sequence, append.upto)
            append.upto, append.mark = envelope.sequence, envelope.mark
            if envelope.run_id not in self._known_runs:
                await self._look_up(envelope.run_id)
            bounds = self._known_runs[envelope.run_id]
            if bounds is None:
                self._metrics.refused(Refusal.FENCED)
                continue
            if is_opened(envelope):
                # What it unpacks to costs time, however few its bytes are.
                await self._spend(envelope.decoded_bytes)
                if not self._believe(envelope, bounds, append):
                    continue
            if envelope.kind == RecordKind.RECORD_KIND_RUN_STARTED:
                started.append(Attempt(run_id=envelope.run_id, attempt=envelope.attempt))
            append.rows.append(store_records.row_of(self.stream_id, envelope))
            append.payload_bytes += len(envelope.payload)
        if self.closed():
            return
        if duplicates:
            self._metrics.duplicated(duplicates)
            self._acknowledge()
        if append.upto > self._received:
            self._received = append.upto
            append.done = self._when_durable(append, started, time.monotonic())
            self._store.append(append)
            await self._wait_for_room(append.payload_bytes)

    def _check_order(self, sequence: int, before: int) -> None:
        if sequence == before + 1:
            self._new_stream = False
        elif self._new_stream:
            # What came before was acked by a store that is no more: it is not coming again.
            log.warning(
                "host %s: stream %s is new here and begins at %d: the records before it "
                "were acknowledged by another store",
                self.host,
                self.stream_id,
                sequence,
            )
            self._metrics.refused(Refusal.GAP)
            self._new_stream = False
        else:
            raise Refused(
                grpc.StatusCode.OUT_OF_RANGE,
                f"envelope {sequence} came where {before + 1} was expected",
                Refusal.GAP,
            )

    def _believe(self, envelope: Envelope, bounds: Bounds, append: Append) -> bool:
        """Open a record; one that cannot be true is dropped, and ends its run."""
        attempt = Attempt(run_id=envelope.run_id, attempt=envelope.attempt)
        try:
            record = opened(envelope, bounds)
            self._count(attempt, bounds, record)
        except Unbelievable as error:
            foreign = isinstance(error, ForeignHost)
            refusal = Refusal.IDENTITY if foreign else Refusal.UNBELIEVABLE
            reason = f"record {envelope.sequence} was refused: {error}"
            append.spoils.append(Spoil(envelope.sequence, attempt, reason, refusal))
            return False
        if record.HasField("run_outcome"):
            append.outcomes.append((attempt, record.run_outcome))
        return True

    def _count(self, attempt: Attempt, bounds: Bounds, record: Record) -> None:
        key = attempt.run_id, attempt.attempt
        if self._counted is None or self._counted[0] != key:
            self._counted = key, RecordCounts(bounds)
        self._counted[1].add(record)

    async def _look_up(self, run_id: str) -> None:
        """Learn what a run may say. Records of one that is not stored are acked and dropped."""
        bounds = await self._store.read(lambda c: queries.bounds(c, run_id))
        if bounds is not None and bounds.host != self.host:
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED,
                f"run {run_id} is not a run of host '{self.host}'",
                Refusal.IDENTITY,
            )
        if bounds is None:
            log.warning(
                "host %s sends records of run %s, which this store does not know: dropped",
                self.host,
                run_id,
            )
        self.believe({run_id: bounds})

    def _when_durable(
        self, append: Append, started: Sequence[Attempt], received_time: float
    ) -> Callable[[Appended], None]:
        # Not `append` itself, which has this: it would be freed by the garbage collector alone,
        # whose passes through a thousand agents' batches hold up all that comes meanwhile.
        upto, payload_bytes = append.upto, append.payload_bytes
        finished = [(attempt.run_id, attempt.attempt) for attempt, _outcome in append.outcomes]

        def done(appended: Appended) -> None:
            if appended.fault is not None:
                self.close(Refused(grpc.StatusCode.UNAVAILABLE, str(appended.fault)))
                return
            self._metrics.ingested(appended.batches, payload_bytes)
            self._metrics.committed(time.monotonic() - received_time)
            self._durable = upto
            self._room.set()
            self._acknowledge()
            for attempt in started:
                self._log_started(attempt, appended)
            self.running.difference_update(finished)
            for key, dropped in appended.fenced.items():
                self._tell_fenced(*key, dropped)
            for spoil in appended.spoiled:
                run_id = spoil.attempt.run_id
                log.warning("host %s: run %s failed: %s", self.host, run_id, spoil.reason)
                self._metrics.refused(spoil.refusal)
                self.say_cancel(spoil.attempt, spoil.reason)
            for change in appended.ended:
                self._on_ended(change)

        return done

    def _log_started(self, attempt: Attempt, appended: Appended) -> None:
        if (attempt.run_id, attempt.attempt) not in appended.fenced:
            fields = with_fields(run=attempt.run_id, attempt=attempt.attempt, host=self.host)
            log.info("run started", extra=fields)

    def _tell_fenced(self, run_id: str, attempt: int, dropped: int) -> None:
        """Count records that no longer count; what an agent still had of them is gone."""
        self._metrics.refused(Refusal.FENCED, dropped)
        if (run_id, attempt) in self._fenced or len(self._fenced) >= _KNOWN_RUNS:
            return
        self._fenced.add((run_id, attempt))
        log.warning(
            "host %s sends records of run %s, attempt %d, which has ended or is not the run's "
            "attempt: dropped",
            self.host,
            run_id,
            attempt,
        )

    def _acknowledge(self) -> None:
        self.outbox.put("ack", AttendResponse(ack=Ack(sequence=self._durable)))

    async def _spend(self, taken_bytes: int) -> None:
        """Take from what the agent may send; too much waits in its spool."""
        if wait_seconds := self._bytes.take(taken_bytes):
            await asyncio.sleep(wait_seconds)
        elif taken_bytes > _LONG_BYTES:
            await asyncio.sleep(0)

    async def pace(self) -> None:
        """Behind a heartbeat: what an agent sends beyond its rate waits, with all behind it."""
        wait_seconds = self._beats.take(1)
        if not wait_seconds:
            return
        if not self._told_beats:
            self._told_beats = True
            log.warning(
                "host %s sends heartbeats without end: taken are %g a second",
                self.host,
                self._limits.heartbeats_per_second,
            )
        await asyncio.sleep(wait_seconds)

    async def _wait_for_room(self, taken_bytes: int) -> None:
        """Leave the next message to the transport's flow control while there is too much."""
        await self._spend(taken_bytes)
        while self._received - self._durable >= self._limits.ack_window and not self.closed():
            self._room.clear()
            await self._room.wait()
        while self._store.pending_bytes > self._limits.pending_bytes and not self.closed():
            await asyncio.sleep(0.01)
