"""Judges the figures that a run added to their series; runs in the analysis process."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row

from headstart.collector.analysis.history.shifts import (
    LOOKED_AT,
    Shift,
    is_new,
    judge_exact,
    lasting_shifts,
    taken_back,
    takes_back,
)
from headstart.collector.experiments.rerun import AFTER
from headstart.collector.findings import Comparison
from headstart.collector.findings.json import from_json
from headstart.collector.store import (
    points as store_points,
    queries,
    results as store_results,
    shifts as store_shifts,
)
from headstart.collector.store.database import open_readers
from headstart.collector.store.points import SeriesKey
from headstart.collector.store.shifts import FoundShift
from headstart.words.metric import Metric
from headstart.words.metrics import METRICS

# The level of a figure that does not vary is followed from its beginning, as far as that is
# within reason.
_LOOKED_AT_EXACT = 1_000


@dataclass(frozen=True)
class Judged:
    """What is new since a run: shifts, and ids of open ones that it shows to be over."""

    shifts: tuple[FoundShift, ...]
    over: tuple[int, ...]


def judge_run(where: str, run_id: str) -> Judged:
    """Shifts that a run shows, those told before left out, and those that it ends."""
    engine = open_readers(where)
    try:
        with engine.begin() as connection:
            margins = dict(queries.info(connection, run_id).experiment.margins)
            found: list[FoundShift] = []
            over: list[int] = []
            for key in store_points.keys_of(connection, run_id):
                metric = METRICS.get(key.metric)
                if metric is None or not metric.compared:
                    continue
                looked_at = _LOOKED_AT_EXACT if metric.exact else LOOKED_AT
                series = store_points.series_until(connection, key, run_id, looked_at)
                known = _known(connection, key, series)
                margin = margins.get(key.metric, metric.margin)
                over += _over(series, known)
                found += _judged(key, metric, series, known, margin)
        return Judged(tuple(found), tuple(over))
    finally:
        engine.dispose()


def verdicts(where: str, run_id: str) -> dict[str, Comparison]:
    """What a rerun says of the new image, by metric."""
    engine = open_readers(where)
    try:
        with engine.begin() as connection:
            stored = store_results.get(connection, run_id)
        result = from_json(stored.result_json) if stored and stored.result_json else None
        comparisons = result.comparisons if result else ()
        return {c.metric: c for c in comparisons if c.variant == AFTER}
    finally:
        engine.dispose()


def _judged(
    key: SeriesKey,
    metric: Metric,
    series: list[Row[Any]],
    known: list[tuple[Row[Any], Shift]],
    margin: float,
) -> list[FoundShift]:
    values = [point.value for point in series]
    shifts = [judge_exact(values, margin)] if metric.exact else lasting_shifts(values, margin)
    told = [shift for row, shift in known if row.since_run_id in {p.run_id for p in series}]
    return [
        _found(key, metric, series, known, shift)
        for shift in shifts
        if shift is not None and is_new(shift, told, values)
    ]


def _found(
    key: SeriesKey,
    metric: Metric,
    series: list[Row[Any]],
    known: list[tuple[Row[Any], Shift]],
    shift: Shift,
) -> FoundShift:
    first = series[shift.begin]
    return FoundShift(
        key=key,
        cpu_model=first.cpu_model,
        since_run_id=first.run_id,
        since_revision=first.revision,
        before=shift.before,
        after=shift.after,
        ratio=shift.ratio,
        ratio_low=shift.low,
        ratio_high=shift.high,
        worse=(shift.ratio > 1) == metric.lower_is_better,
        exact=metric.exact,
        digests=(series[shift.begin - 1].digest, series[-1].digest),
        takes_back=tuple(row.id for row, earlier in known if takes_back(shift, earlier)),
    )


def _over(series: list[Row[Any]], known: list[tuple[Row[Any], Shift]]) -> list[int]:
    return [
        row.id
        for row, shift in known
        if row.state == store_shifts.OPEN
        and taken_back([p.value for p in series[shift.begin :]], shift.before, shift.after)
    ]


def _known(
    connection: Connection, key: SeriesKey, series: list[Row[Any]]
) -> list[tuple[Row[Any], Shift]]:
    """Shifts found earlier, with their place in the series as it is looked at now.

    The level of one that is still open and older than all of it has its place at the begin.
    """
    places = {point.run_id: index for index, point in enumerate(series)}
    return [
        (row, Shift(places.get(row.since_run_id, 0), row.before, row.after, row.ratio))
        for row in store_shifts.shifts_in(connection, key)
        if row.since_run_id in places or row.state == store_shifts.OPEN
    ]
