"""Figures over revisions in the store: what each ended run says of every figure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from headstart.collector.store.tables import points, runs
from headstart.v1.experiments_pb2 import FigureSeries, SeriesPoint


@dataclass(frozen=True)
class SeriesKey:
    """What makes points one series."""

    experiment: str
    variant: str
    metric: str
    fingerprint: str
    setup: str


SERIES = tuple(field.name for field in fields(SeriesKey))


def put_points(connection: Connection, run_id: str, found: Sequence[Any]) -> None:
    """Store what a run says (`points.Point`); what it said before is replaced."""
    connection.execute(delete(points).where(points.c.run_id == run_id))
    if found:
        connection.execute(insert(points), [asdict(point) for point in found])


def keys_of(connection: Connection, run_id: str) -> list[SeriesKey]:
    """The series to which a run added a point that can be judged."""
    query = select(points).where(points.c.run_id == run_id, points.c.flagged.is_(False))
    return [_key(row) for row in connection.execute(query)]


def series_until(connection: Connection, key: SeriesKey, run_id: str, limit: int) -> list[Row[Any]]:
    """The series up to a run, the oldest point first; disturbed points are left out."""
    last = select(runs.c.end_order).where(runs.c.run_id == run_id).scalar_subquery()
    query = (
        select(points)
        .join(runs, runs.c.run_id == points.c.run_id)
        .where(*in_series(points, key), points.c.flagged.is_(False))
        .where(runs.c.end_order <= last)
        .order_by(runs.c.end_order.desc(), runs.c.run_id.desc())
        .limit(limit)
    )
    return list(reversed(connection.execute(query).all()))


def points_around(
    connection: Connection, shift: Row[Any]
) -> tuple[Row[Any] | None, Row[Any] | None]:
    """The first point of a shift's new level and the last one of its old level, where there are."""
    key = SeriesKey(*(getattr(shift, name) for name in SERIES))
    around = (
        select(points)
        .join(runs, runs.c.run_id == points.c.run_id)
        .where(*in_series(points, key), points.c.flagged.is_(False))
    )
    first = connection.execute(around.where(points.c.run_id == shift.since_run_id)).first()
    since = select(runs.c.end_order).where(runs.c.run_id == shift.since_run_id).scalar_subquery()
    last = around.where(runs.c.end_order < since).order_by(runs.c.end_order.desc()).limit(1)
    return first, connection.execute(last).first()


def series_of(
    connection: Connection,
    experiment: str,
    variant: str,
    metric: str,
    fingerprint: str,
    limit: int,
) -> list[FigureSeries]:
    """The newest `limit` points of each series, the oldest first; empty arguments: all."""
    query = (
        select(points)
        .join(runs, runs.c.run_id == points.c.run_id)
        .where(*selected(points, experiment, variant, metric, fingerprint))
        # The same order of series on every database.
        .order_by(runs.c.end_order, runs.c.run_id, points.c.variant, points.c.metric)
    )
    found: dict[SeriesKey, FigureSeries] = {}
    for row in connection.execute(query):
        series = found.setdefault(
            _key(row),
            FigureSeries(
                variant=row.variant,
                metric=row.metric,
                fingerprint=row.fingerprint,
                cpu_model=row.cpu_model,
                setup=row.setup,
            ),
        )
        series.points.append(
            SeriesPoint(
                run_id=row.run_id,
                revision=row.revision,
                host=row.host,
                ended_time_seconds=row.ended_seconds,
                value=row.value,
                trials=row.trials,
                flagged=row.flagged,
            )
        )
        if len(series.points) > limit:
            del series.points[0]
    return list(found.values())


def _key(row: Row[Any]) -> SeriesKey:
    return SeriesKey(row.experiment, row.variant, row.metric, row.fingerprint, row.setup)


def in_series(table: Any, key: SeriesKey) -> list[Any]:
    """Conditions on a table that has the columns of a key."""
    return [table.c[name] == value for name, value in asdict(key).items()]


def selected(table: Any, experiment: str, *optional: str) -> list[Any]:
    """Conditions by experiment and, where not empty, variant, metric and fingerprint."""
    names = ("variant", "metric", "fingerprint")
    asked = [(table.c[n] == v) for n, v in zip(names, optional, strict=True) if v]
    return [table.c.experiment == experiment, *asked]
