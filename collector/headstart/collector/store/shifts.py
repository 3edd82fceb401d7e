"""Shifts in the store: lasting changes of a figure's level, and what became of them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from headstart.collector.store.points import SERIES, SeriesKey, in_series, points_around, selected
from headstart.collector.store.tables import judged, points, results, runs, shifts
from headstart.v1.experiments_pb2 import Confirmation, RunState, Shift, ShiftState
from headstart.words.enums import word

OPEN = ShiftState.SHIFT_STATE_OPEN
ACCEPTED = ShiftState.SHIFT_STATE_ACCEPTED
RECOVERED = ShiftState.SHIFT_STATE_RECOVERED


class NoSuchShift(Exception):
    """No shift has this number, or it is no longer open; `exists` says which."""

    def __init__(self, shift_id: int, why: str, exists: bool) -> None:
        super().__init__(f"shift {shift_id} {why}")
        self.exists = exists


@dataclass(frozen=True)
class FoundShift:
    """A shift to be stored, as judged; `exact`: the figure does not vary."""

    key: SeriesKey
    cpu_model: str
    since_run_id: str
    since_revision: str
    before: float
    after: float
    ratio: float
    # 95 % interval of the ratio; 0, 0: a figure that does not vary.
    ratio_low: float
    ratio_high: float
    worse: bool
    exact: bool
    # Digests of the last run of the old level and of the newest run.
    digests: tuple[str, str] = ("", "")
    # Ids of earlier ones that it ends, where they are open.
    takes_back: tuple[int, ...] = ()


def unjudged(connection: Connection) -> list[str]:
    """Analysed runs that were not judged, the oldest first."""
    return list(connection.execute(_UNJUDGED.order_by(runs.c.end_order)).scalars())


def is_unjudged(connection: Connection, run_id: str) -> bool:
    """Whether this one is among them."""
    return connection.execute(_UNJUDGED.where(runs.c.run_id == run_id)).first() is not None


_UNJUDGED = (
    select(runs.c.run_id)
    .join(results, results.c.run_id == runs.c.run_id)
    .outerjoin(judged, judged.c.run_id == runs.c.run_id)
    .where(judged.c.run_id.is_(None), results.c.fault == "")
)


def set_judged(connection: Connection, run_id: str, now: float) -> None:
    """Never judge this run again."""
    connection.execute(delete(judged).where(judged.c.run_id == run_id))
    connection.execute(insert(judged).values(run_id=run_id, judged_seconds=now))


def shifts_in(connection: Connection, key: SeriesKey) -> list[Row[Any]]:
    """Every shift that was ever found in a series, the oldest first."""
    return list(
        connection.execute(select(shifts).where(*in_series(shifts, key)).order_by(shifts.c.id))
    )


def put_shift(
    connection: Connection, found: FoundShift, found_by: str, rerun: str, note: str, now: float
) -> None:
    """Store a new shift, and end those that it takes back."""
    close(connection, found.takes_back, RECOVERED, f"by run {found_by}", now)
    exact = Confirmation.CONFIRMATION_EXACT
    connection.execute(
        insert(shifts).values(
            **asdict(found.key),
            cpu_model=found.cpu_model,
            since_run_id=found.since_run_id,
            since_revision=found.since_revision,
            before=found.before,
            after=found.after,
            ratio=found.ratio,
            ratio_low=found.ratio_low,
            ratio_high=found.ratio_high,
            worse=found.worse,
            state=OPEN,
            confirmation=exact if found.exact else Confirmation.CONFIRMATION_NONE,
            first_seen_seconds=now,
            found_by_run_id=found_by,
            rerun_run_id=rerun,
            note=note,
            ended_seconds=0.0,
        )
    )


def close(
    connection: Connection,
    shift_ids: Iterable[int],
    state: ShiftState.ValueType,
    note: str,
    now: float,
) -> None:
    """End open shifts."""
    for shift_id in shift_ids:
        connection.execute(
            update(shifts)
            .where(shifts.c.id == shift_id, shifts.c.state == OPEN)
            .values(state=state, note=note, ended_seconds=now)
        )


def ended_reruns(connection: Connection) -> list[str]:
    """Reruns that ended, and whose word on the shifts they were made for is not yet noted."""
    query = (
        select(shifts.c.rerun_run_id)
        .join(runs, runs.c.run_id == shifts.c.rerun_run_id)
        .outerjoin(results, results.c.run_id == runs.c.run_id)
        .where(shifts.c.state == OPEN, shifts.c.note == "", runs.c.ended_seconds > 0)
        # What was measured is analysed first.
        .where(results.c.run_id.is_not(None) | (runs.c.state != RunState.RUN_STATE_DONE))
        .distinct()
    )
    return list(connection.execute(query).scalars())


def of_rerun(connection: Connection, run_id: str) -> list[Row[Any]]:
    """Shifts that a rerun is to confirm."""
    return list(connection.execute(select(shifts).where(shifts.c.rerun_run_id == run_id)))


def note_rerun(
    connection: Connection, shift_id: int, confirmation: Confirmation.ValueType, note: str
) -> None:
    """What a rerun said of a shift that stays open."""
    connection.execute(
        update(shifts).where(shifts.c.id == shift_id).values(confirmation=confirmation, note=note)
    )


def accept(connection: Connection, shift_id: int, reason: str, now: float) -> Shift:
    """End an open shift by somebody's word. Raises NoSuchShift."""
    row = None
    # SQLite has no larger number.
    if shift_id < 1 << 63:
        row = connection.execute(select(shifts).where(shifts.c.id == shift_id)).first()
    if row is None:
        raise NoSuchShift(shift_id, "does not exist", exists=False)
    if row.state != OPEN:
        raise NoSuchShift(
            shift_id, f"is not open: it was {word(ShiftState, row.state)}", exists=True
        )
    close(connection, [shift_id], ACCEPTED, reason, now)
    found = connection.execute(select(shifts).where(shifts.c.id == shift_id)).one()
    return _message(connection, found)


def open_shifts(connection: Connection, better_since: float) -> list[Shift]:
    """Open ones for the worse, and those for the better that were found lately."""
    query = select(shifts).where(
        shifts.c.state == OPEN, shifts.c.worse | (shifts.c.first_seen_seconds >= better_since)
    )
    return _messages(connection, query.order_by(shifts.c.id))


def open_at(connection: Connection, run_id: str) -> list[Shift]:
    """Shifts for the worse that are open and to whose new level the run belongs."""
    since = runs.alias("since")
    query = (
        select(shifts)
        .where(points.c.run_id == run_id, runs.c.run_id == run_id)
        .where(since.c.run_id == shifts.c.since_run_id)
        .where(*(shifts.c[name] == points.c[name] for name in SERIES))
        .where(shifts.c.state == OPEN, shifts.c.worse)
        .where(since.c.end_order <= runs.c.end_order)
        .order_by(shifts.c.id)
    )
    return _messages(connection, query)


def shifts_of(
    connection: Connection, experiment: str, variant: str, metric: str, fingerprint: str
) -> list[Shift]:
    """The newest first; empty arguments select everything."""
    query = select(shifts).where(*selected(shifts, experiment, variant, metric, fingerprint))
    return _messages(connection, query.order_by(shifts.c.id.desc()))


def _messages(connection: Connection, query: Select[Any]) -> list[Shift]:
    return [_message(connection, row) for row in connection.execute(query).all()]


def _message(connection: Connection, row: Row[Any]) -> Shift:
    """A stored shift as it travels, with what its series says of the runs around it."""
    first, last = points_around(connection, row)
    return Shift(
        host=first.host if first is not None else "",
        before_run_id=last.run_id if last is not None else "",
        before_revision=last.revision if last is not None else "",
        ratio_low=row.ratio_low,
        ratio_high=row.ratio_high,
        shift_id=row.id,
        experiment=row.experiment,
        variant=row.variant,
        metric=row.metric,
        fingerprint=row.fingerprint,
        cpu_model=row.cpu_model,
        since_run_id=row.since_run_id,
        since_revision=row.since_revision,
        before=row.before,
        after=row.after,
        ratio=row.ratio,
        worse=row.worse,
        state=row.state,
        confirmation=row.confirmation,
        first_seen_time_seconds=row.first_seen_seconds,
        found_by_run_id=row.found_by_run_id,
        rerun_run_id=row.rerun_run_id,
        note=row.note,
        ended_time_seconds=row.ended_seconds,
    )
