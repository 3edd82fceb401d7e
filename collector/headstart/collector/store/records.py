"""Streams and their batches in the store: appending, watermarks, reading, pruning."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    Connection,
    Engine,
    Row,
    Select,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from headstart.collector.store import partitions
from headstart.collector.store.partitions import Month
from headstart.collector.store.statements import at_least, insert_new
from headstart.collector.store.tables import batches, hosts, runs, streams
from headstart.v1.records_pb2 import Encoding, Envelope, RecordKind

# A reader's transaction covers so many batches: an open one keeps the write-ahead
# log from being folded back.
_PAGE_ROWS = 500
_MOST_STREAMS = 100

_ADVANCE = (
    update(streams)
    .where(streams.c.stream_id == bindparam("of_stream"), streams.c.acked < bindparam("upto"))
    .values(acked=bindparam("upto"), mark=bindparam("of_last"))
)
_STREAM = select(streams).where(streams.c.stream_id == bindparam("which"))
_NUMBER = select(func.coalesce(func.max(streams.c.number), 0) + 1)
_NEW_STREAM = insert(streams).values(
    stream_id=bindparam("which"),
    host=bindparam("of_host"),
    acked=0,
    number=_NUMBER.where(streams.c.host == bindparam("of_host")).scalar_subquery(),
)
_NEWEST = (
    select(streams.c.stream_id)
    .where(streams.c.host == bindparam("of_host"))
    .order_by(streams.c.number.desc())
    .limit(_MOST_STREAMS - 1)
)
_FORGET_STREAMS = delete(streams).where(
    streams.c.host == bindparam("of_host"), streams.c.stream_id.not_in(_NEWEST)
)


class Packed(NamedTuple):
    """A stored record: what it takes to unpack it."""

    trial: int
    kind: RecordKind.ValueType
    payload: bytes
    encoding: Encoding.ValueType
    decoded_bytes: int
    crc32: int


class ForeignStream(Exception):
    """A stream id belongs to another host: a spool was copied."""

    def __init__(self, stream_id: str, host: str) -> None:
        super().__init__(
            f"stream {stream_id} belongs to host '{host}': a spool folder was copied from "
            "there; move it away, so that this host begins a stream of its own"
        )


@dataclass(frozen=True)
class Watermark:
    """The last record of a stream up to which everything is durable."""

    sequence: int
    # Envelope.mark of it; 0: not known.
    mark: int = 0


def open_stream(connection: Connection, stream_id: str, host: str) -> Watermark | None:
    """How far a stream is durable; None: it is new here. Raises ForeignStream."""
    row = connection.execute(_STREAM, {"which": stream_id}).first()
    if row is not None:
        if row.host != host:
            raise ForeignStream(stream_id, row.host)
        return Watermark(row.acked, row.mark)
    _forget_streams(connection, host)
    connection.execute(_NEW_STREAM, {"which": stream_id, "of_host": host})
    return None


def _forget_streams(connection: Connection, host: str) -> None:
    """Keep the newest streams of a host: each wiped spool is a new one."""
    connection.execute(_FORGET_STREAMS, {"of_host": host})


def row_of(stream_id: str, envelope: Envelope) -> dict[str, Any]:
    """A row for `append`."""
    return {
        "stream_id": stream_id,
        "sequence": envelope.sequence,
        "run_id": envelope.run_id,
        "attempt": envelope.attempt,
        "trial": envelope.trial,
        "kind": envelope.kind,
        "rows": envelope.rows,
        "encoding": envelope.encoding,
        "decoded_bytes": envelope.decoded_bytes,
        "crc32": envelope.crc32,
        "payload": envelope.payload,
    }


def append(
    connection: Connection, rows: Sequence[dict[str, Any]], watermarks: dict[str, Watermark]
) -> None:
    """Add batches and advance the streams; what is there already is passed over."""
    if rows:
        partitions.make_room(connection, {row["run_id"] for row in rows})
        if connection.dialect.name == "postgresql":
            from headstart.collector.store import postgresql_copy

            postgresql_copy.put(connection, rows)
        else:
            connection.execute(insert_new(connection, batches), rows)
    if watermarks:
        connection.execute(
            _ADVANCE,
            [
                {"of_stream": stream, "upto": upto.sequence, "of_last": upto.mark}
                for stream, upto in watermarks.items()
            ],
        )


def envelopes(
    engine: Engine,
    run_id: str,
    attempt: int,
    kinds: Iterable[RecordKind.ValueType] = (),
    upto: int | None = None,
) -> Iterator[Envelope]:
    """The batches of one attempt in their order, read in short transactions.

    `upto` is the last sequence that is read: two readings of a run that goes on see the same.
    """
    for row in _rows(select(batches), engine, run_id, attempt, tuple(kinds), upto):
        yield Envelope(
            sequence=row.sequence,
            run_id=row.run_id,
            attempt=row.attempt,
            trial=row.trial,
            kind=row.kind,
            rows=row.rows,
            encoding=row.encoding,
            decoded_bytes=row.decoded_bytes,
            crc32=row.crc32,
            payload=row.payload,
        )


def packed(engine: Engine, run_id: str, attempt: int) -> Iterator[Packed]:
    """The batches of one attempt as `envelopes` gives them, without what all of them share."""
    columns = [getattr(batches.c, name) for name in (*Packed._fields, "sequence")]
    for row in _rows(select(*columns), engine, run_id, attempt):
        yield Packed._make(row[:-1])


def _rows(
    columns: Select[Any],
    engine: Engine,
    run_id: str,
    attempt: int,
    kinds: tuple[RecordKind.ValueType, ...] = (),
    upto: int | None = None,
) -> Iterator[Row[Any]]:
    after = 0
    while True:
        query = (
            columns.where(
                batches.c.run_id == run_id,
                batches.c.attempt == attempt,
                batches.c.sequence > after,
            )
            .order_by(batches.c.sequence)
            .limit(_PAGE_ROWS)
        )
        if kinds:
            query = query.where(batches.c.kind.in_(kinds))
        if upto is not None:
            query = query.where(batches.c.sequence <= upto)
        with engine.begin() as connection:
            page = connection.execute(query).all()
        yield from page
        if len(page) < _PAGE_ROWS:
            return
        after = page[-1].sequence


def prune(connection: Connection, run_id: str, now: float, limit: int = 2000) -> int:
    """Delete the oldest raw batches of a run, at most so many; how many. Its result stays.

    0: none is left. A bounded number at a time, since nobody can write meanwhile.
    """
    of_run = batches.c.run_id == run_id
    sequences = connection.execute(
        select(batches.c.attempt, batches.c.sequence)
        .where(of_run)
        .order_by(batches.c.attempt, batches.c.sequence)
        .limit(limit)
    ).all()
    if not sequences:
        _free(connection, run_id)
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(pruned_seconds=now))
        return 0
    attempt = sequences[0].attempt
    upto = max(row.sequence for row in sequences if row.attempt == attempt)
    gone = delete(batches).where(of_run, batches.c.attempt == attempt, batches.c.sequence <= upto)
    return int(connection.execute(gone).rowcount)


def _free(connection: Connection, run_id: str) -> None:
    """Nothing of a run counts against the quota of its host any more."""
    of_run = select(runs.c.stored_bytes).where(runs.c.run_id == run_id).scalar_subquery()
    host = select(runs.c.host).where(runs.c.run_id == run_id).scalar_subquery()
    connection.execute(
        update(hosts)
        .where(hosts.c.host == host)
        .values(stored_bytes=at_least(0, hosts.c.stored_bytes - of_run))
    )
    connection.execute(update(runs).where(runs.c.run_id == run_id).values(stored_bytes=0))


def prunable(connection: Connection, ended_before: float | None, limit: int) -> list[str]:
    """Ended runs whose raw batches are still there, the oldest first.

    With `ended_before` only those that ended before each run that ended later than that: one
    whose time says less was stored while the clock was behind.
    """
    query = select(runs.c.run_id).where(runs.c.end_order > 0, runs.c.pruned_seconds == 0)
    if ended_before is not None:
        young = select(func.min(runs.c.end_order)).where(
            runs.c.end_order > 0, runs.c.ended_seconds >= ended_before
        )
        query = query.where(runs.c.end_order < func.coalesce(young.scalar_subquery(), 1 << 62))
    query = query.order_by(runs.c.end_order).limit(limit)
    return list(connection.execute(query).scalars())


def month_is_prunable(connection: Connection, month: Month, ended_before: float) -> bool:
    """Whether all runs of a month have ended, and each before every run that ended later."""
    of_month = (runs.c.run_id >= month.first) & (runs.c.run_id < month.end)
    young = select(func.min(runs.c.end_order)).where(
        runs.c.end_order > 0, runs.c.ended_seconds >= ended_before
    )
    kept = select(runs.c.run_id).where(
        of_month,
        or_(
            runs.c.end_order == 0,
            runs.c.end_order >= func.coalesce(young.scalar_subquery(), 1 << 62),
        ),
    )
    return connection.execute(kept.limit(1)).first() is None


def prune_month(connection: Connection, month: Month, ended_before: float, now: float) -> list[str]:
    """Delete a month's raw batches where `month_is_prunable`; the runs that had some.

    Raises MonthIsRead.
    """
    if not month_is_prunable(connection, month, ended_before):
        return []
    of_month = (runs.c.run_id >= month.first) & (runs.c.run_id < month.end)
    kept = select(runs.c.run_id).where(of_month, runs.c.pruned_seconds == 0)
    pruned = list(connection.execute(kept.order_by(runs.c.end_order)).scalars())
    partitions.drop(connection, month)
    of_host = select(func.coalesce(func.sum(runs.c.stored_bytes), 0))
    of_host = of_host.where(of_month, runs.c.host == hosts.c.host)
    left = hosts.c.stored_bytes - of_host.scalar_subquery()
    connection.execute(update(hosts).values(stored_bytes=at_least(0, left)))
    connection.execute(
        update(runs)
        .where(of_month, runs.c.pruned_seconds == 0)
        .values(stored_bytes=0, pruned_seconds=now)
    )
    return pruned


def last_sequence(connection: Connection, run_id: str, attempt: int) -> int:
    """The sequence of the newest record of an attempt; 0: none is stored."""
    query = select(func.max(batches.c.sequence)).where(
        batches.c.run_id == run_id, batches.c.attempt == attempt
    )
    return int(connection.execute(query).scalar() or 0)


def any_of(connection: Connection, run_id: str, attempt: int) -> bool:
    """Whether a record of an attempt is stored."""
    query = select(batches.c.sequence).where(
        batches.c.run_id == run_id, batches.c.attempt == attempt
    )
    return connection.execute(query.limit(1)).first() is not None
