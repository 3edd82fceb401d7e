"""The collector's own clock, when it was set wrong and right again.

No clock decides an order (`end_order`). What remains are spans: what waits or goes on moves with
the clock when it is set, and nothing is deleted for its age while the clock contradicts the store
or was set a short while ago. A clock that went on steadily for a day is believed, and times that
cannot be true by it are mended.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from sqlalchemy import Connection, Update, func, or_, select, update

from headstart.collector.store.statements import at_least
from headstart.collector.store.store import Store
from headstart.collector.store.tables import audit, hosts, points, runs
from headstart.collector.tasks import traceback_of
from headstart.v1.experiments_pb2 import RunState
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
# Less is how clocks are kept right.
_STEP_SECONDS = 5.0
# Less does not matter to what is kept for days.
_DOUBTED_SECONDS = 600.0
_DAY = 86400.0
# 2025: before this program was written. A host without a battery begins in 1970.
_EARLIEST_SECONDS = 1_735_689_600.0
_OPEN = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)


def steady() -> float:
    """Seconds that nobody sets, and that go on while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockWatch:
    """Use from one event loop. Says to the store whether its clock can be believed."""

    def __init__(self, store: Store, steadily: Callable[[], float] = steady) -> None:
        self._store = store
        self._steadily = steadily
        self._apart = store.now() - steadily()
        self._doubted_until = steadily()

    async def begin(self) -> None:
        """Doubt a clock that is behind what is stored, or more than a day ahead of it."""
        newest = await self._store.read(newest_time)
        apart = self._store.now() - newest if newest else 0.0
        if -_DOUBTED_SECONDS <= apart <= _DAY:
            return
        self._doubt()
        which = "ahead of" if apart > 0 else "behind"
        level = logging.INFO if apart > 0 else logging.WARNING
        log.log(
            level,
            "the clock is %.1f h %s the newest entry of the store: for a day nothing is deleted "
            "for its age",
            abs(apart) / 3600,
            which,
        )

    async def keep(self, set_back: Callable[[], Awaitable[None]]) -> None:
        """Follow the clock for as long as the collector lives; `set_back` hears when it was."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                if await self.look() < 0:
                    await set_back()
            except Exception as error:
                words = "the clock was set, and not all of the store follows it: %s"
                log.error(words, error, exc_info=traceback_of(error))

    async def look(self) -> float:
        """Follow the clock if it was set; by how many seconds it was. Raises StoreFault."""
        apart = self._store.now() - self._steadily()
        step, self._apart = apart - self._apart, apart
        if abs(step) < _STEP_SECONDS:
            self._store.believes_clock = self._steadily() >= self._doubted_until
            return 0.0
        if abs(step) >= _DOUBTED_SECONDS:
            self._doubt()
        log.warning(
            "this machine's clock was set %s by %.0f s: what waits and what goes on moves with it",
            "ahead" if step > 0 else "back",
            abs(step),
            extra=with_fields(step_seconds=round(step, 3)),
        )
        await self._store.write_at_last(lambda c: follow(c, step), "a step of the clock")
        return step

    def _doubt(self) -> None:
        self._doubted_until = self._steadily() + _DAY
        self._store.believes_clock = False


def newest_time(connection: Connection) -> float:
    """The latest time of the store, as Unix seconds; 0: it has none."""
    columns = (
        *(runs.c.submitted_seconds, runs.c.started_seconds, runs.c.ended_seconds),
        *(hosts.c.last_seen_seconds, audit.c.time_seconds),
    )
    found = (connection.execute(select(func.max(column))).scalar() for column in columns)
    return max(each or 0.0 for each in found)


def follow(connection: Connection, step_seconds: float) -> None:
    """The clock was set: move what spans are counted from or to."""
    for column, moved in (
        (runs.c.submitted_seconds, runs.c.state.in_(_OPEN)),
        (runs.c.started_seconds, runs.c.state.in_(_OPEN)),
        (runs.c.expires_seconds, runs.c.state.in_(_OPEN)),
        (hosts.c.last_seen_seconds, hosts.c.last_seen_seconds > 0),
    ):
        connection.execute(
            update(column.table)
            .where(moved, column > 0)
            .values({column.name: at_least(1.0, column + step_seconds)})
        )


def mend(connection: Connection, now: float) -> int:
    """Times of runs that cannot be true by a clock that is believed become now; how many."""
    wrong = 0
    for column in (
        *(runs.c.submitted_seconds, runs.c.started_seconds, runs.c.ended_seconds),
        points.c.ended_seconds,
    ):
        late = column > now + _DOUBTED_SECONDS
        early = (column > 0) & (column < _EARLIEST_SECONDS)
        mended: Update = update(column.table).where(or_(late, early)).values({column.name: now})
        wrong += connection.execute(mended).rowcount
    return wrong
