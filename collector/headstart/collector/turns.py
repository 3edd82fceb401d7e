"""A collector that shares its PostgreSQL database with others: it stands by, or is active.

turns = await Turns.start(CollectorConfig(data=..., store="postgresql://...", stand_by=True))
await turns.run(stopping)

Whoever is active beats; see `store/epoch.py`. Whoever is not any more, since another took over or
since the database did not answer for as long as that takes, ends its streams and stands by again.
"""

import asyncio
import hashlib
import logging
import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Self, TypeVar

import psycopg
from sqlalchemy.exc import DBAPIError

from headstart.collector.config import CollectorConfig
from headstart.collector.faults import StartFault
from headstart.collector.server import Collector
from headstart.collector.store.clock import steady
from headstart.collector.store.epoch import BEAT_SECONDS, GONE_SECONDS, Epoch, Seen
from headstart.collector.store.epoch_tables import make_ready
from headstart.collector.store.postgresql import PostgresDatabase, sever_all
from headstart.collector.store.turn import Term, Turn
from headstart.collector.store.writer import StoreFault
from headstart.words.foreign.addresses import host_of, is_wildcard, socket_path
from headstart.words.log_fields import with_fields

log = logging.getLogger(__name__)

T = TypeVar("T")

# Whoever looked less often than so was frozen itself, and has seen nothing.
_LONGEST_GAP_SECONDS = 4.0
# What has not ended by itself after the first is cut off from the database; after the second the
# process ends.
_PATIENCE_SECONDS, _STOP_SECONDS = 3.0, 30.0
_AGAIN_SECONDS = 1.0
# Whoever could not beat for so long ends its agents' streams, before another takes over.
_OWN_GONE_SECONDS = GONE_SECONDS - 2 * BEAT_SECONDS
_ANSWER_SECONDS = 5.0
# Of the tables of a new store, and of whoever makes them at the same time.
_READY_SECONDS = 60.0
# Of the start of one that stands by, which only reads.
_OPEN_SECONDS = 60.0


class Turns:
    """Made by `start`; lives in one event loop."""

    def __init__(self, config: CollectorConfig) -> None:
        """For `start` alone."""
        self._config = config
        self._address = reached_at(config)
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        self._epoch = Epoch(config.store, holder, self._address)
        # The epoch's connection is one, and no reading or commit keeps a beat waiting.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="epoch")
        self._active_address = ""
        self._term: Term | None = None
        self._beating: asyncio.Task[str] | None = None
        # The end of what served, from its beginning on.
        self._ending: asyncio.Task[None] | None = None
        self._is_stuck = False
        self.collector: Collector

    @classmethod
    async def start(cls, config: CollectorConfig) -> Self:
        """Serve as one or the other. Raises StartFault."""
        database = PostgresDatabase(config.store, alone=False)
        turns = cls(config)
        try:
            try:
                await _ready(database)
                seen = await turns._asked(turns._epoch.look)
                turns._check_authority(seen)
                term = await turns._taken(seen) if seen.released else None
            except (psycopg.Error, DBAPIError, StoreFault, TimeoutError) as error:
                words = (
                    _line(error) if isinstance(error, TimeoutError) else database.words_of(error)
                )
                raise StartFault(f"{database.shown} cannot hold the store: {words}") from None
            if term is not None:
                await turns._begin(term)
            else:
                turns._active_address = address_of_other(seen, turns._address)
                turns.collector = await turns._standing_by()
        except BaseException:
            await turns._end()
            raise
        return turns

    @property
    def is_active(self) -> bool:
        """Whether this collector has the agents."""
        return self._term is not None

    async def run(self, stopping: asyncio.Event) -> None:
        """Take turns until `stopping` is set, then stop. Raises StartFault."""
        stopped = asyncio.create_task(stopping.wait())
        try:
            while not stopped.done():
                turn = self._be_active() if self.is_active else self._wait_for_turn()
                going_on = asyncio.create_task(turn)
                await asyncio.wait({going_on, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if not going_on.done():
                    going_on.cancel()
                    await asyncio.gather(going_on, return_exceptions=True)
                else:
                    going_on.result()
        finally:
            stopped.cancel()
            await self.stop()

    async def stop(self) -> None:
        """Stop what serves, and let another take over at once. Idempotent."""
        try:
            if self._ending is None and hasattr(self, "collector"):
                await self.collector.stop()
            elif self._ending is not None and not self._ending.done() and not self._is_stuck:
                # What it ended with is said by whoever ended it.
                await self._ending
        finally:
            # Whatever it ends with: another would wait for what is not given back.
            await self._end()

    async def _end(self) -> None:
        await self._give_back()
        with suppress(RuntimeError):
            # Raised where it was shut down before.
            self._thread.submit(self._epoch.close)
        self._thread.shutdown(wait=False)

    async def _give_back(self) -> None:
        if self._beating is not None:
            self._beating.cancel()
        term, self._term, self._beating = self._term, None, None
        self._active_address = ""
        if term is None:
            return
        try:
            await self._asked(lambda: self._epoch.release(term))
        except (psycopg.Error, TimeoutError):
            log.warning(
                "the store could not be given back: whoever is active next waits %g s before that",
                GONE_SECONDS,
            )

    async def _wait_for_turn(self) -> None:
        """Return as the active one."""
        last: Seen | None = None
        since = looked = steady()
        while True:
            before, looked = looked, steady()
            try:
                seen = await self._asked(self._epoch.look)
                self._active_address = address_of_other(seen, self._address)
                if last is None or seen != last or looked - before > _LONGEST_GAP_SECONDS:
                    last, since = seen, looked
                # It may be noted since this one began: better it ends now than as it is needed.
                self._check_authority(seen)
                is_gone = seen.released or looked - since >= GONE_SECONDS
                term = await self._taken(seen) if is_gone else None
            except (psycopg.Error, TimeoutError, StoreFault) as error:
                if last is not None:
                    log.warning("whether a collector is active cannot be seen: %s", _line(error))
                last = term = None
            if term is not None:
                await self._change(term)
                return
            await asyncio.sleep(BEAT_SECONDS)

    async def _change(self, term: Term) -> None:
        """Become the active one, or stand by again where that cannot be."""
        self._term = term
        self._beating = asyncio.create_task(self._beat(term))
        # Whoever beats and does not serve would keep all others from it.
        await self._stopped("it is this collector's turn")
        try:
            await self._begin(term)
        except StartFault as fault:
            log.error("this collector cannot be the active one: %s", fault)
            await self._give_back()
            await self._stand_by()

    async def _begin(self, term: Term) -> None:
        """Serve as the active one. Raises StartFault."""
        if self._beating is None:
            self._term = term
            self._beating = asyncio.create_task(self._beat(term))
        self._active_address = self._address
        turn = Turn(term, lambda: self._active_address)
        self.collector = await _started(self._config, turn, self._beating)
        self._ending = None
        try:
            if self._config.has_authority and (fingerprint := self._fingerprint()):
                await self._asked(lambda: self._epoch.keep_authority(fingerprint))
        except (psycopg.Error, TimeoutError) as error:
            why = f"the authority cannot be noted in the store: {_line(error)}"
            await self._stopped(why)
            raise StartFault(why) from None
        log.info("this collector is the active one", extra=with_fields(epoch=term.number))

    async def _be_active(self) -> None:
        """Return when this collector stands by again."""
        if self._beating is None:
            return
        why = await asyncio.shield(self._beating)
        log.error("this collector stands by from now on: %s", why)
        self._term = self._beating = None
        self._active_address = ""
        await self._stopped(why)
        await self._stand_by()

    async def _stopped(self, why: str) -> None:
        """End what serves, whatever it waits for. Raises StartFault where that does not help."""
        self._ending = asyncio.create_task(self.collector.stop())
        _, left = await asyncio.wait({self._ending}, timeout=_PATIENCE_SECONDS)
        if left:
            log.warning("what serves does not end: its connections to the database are cut")
            sever_all()
            _, left = await asyncio.wait({self._ending}, timeout=_STOP_SECONDS)
        if left:
            self._is_stuck = True
            raise StartFault(f"{why}; what served until now does not end: start anew")
        if (error := self._ending.exception()) is not None:
            raise StartFault(f"{why}; what served until now ended with: {_line(error)}") from error

    async def _stand_by(self) -> None:
        """Serve as one that stands by, as soon as that can be."""
        said = ""
        while True:
            try:
                self.collector = await self._standing_by()
                self._ending = None
                return
            except StartFault as fault:
                if str(fault) != said:
                    log.warning("%s; it is tried again until it can", said := str(fault))
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _standing_by(self) -> Collector:
        turn = Turn(None, lambda: self._active_address)
        patience = asyncio.create_task(asyncio.sleep(_OPEN_SECONDS))
        try:
            collector = await _started(self._config, turn, patience)
        finally:
            patience.cancel()
        log.info("this collector stands by", extra=with_fields(active=self._active_address))
        return collector

    async def _beat(self, term: Term) -> str:
        """Tell that this collector lives, until it is not the active one; why."""
        good = steady()
        while True:
            began = steady()
            try:
                left = _OWN_GONE_SECONDS - (began - good)
                if not await self._asked(lambda: self._epoch.beat(term), max(0.5, left)):
                    return "another collector took over"
                good = began
            except (psycopg.Error, TimeoutError) as error:
                if steady() - good >= _OWN_GONE_SECONDS:
                    return f"the database did not answer in time ({_line(error)})"
            await asyncio.sleep(BEAT_SECONDS)

    async def _taken(self, seen: Seen) -> Term | None:
        return await self._asked(lambda: self._epoch.take(seen))

    async def _asked(self, ask: Callable[[], T], seconds: float = _ANSWER_SECONDS) -> T:
        """In the epoch's thread. Raises TimeoutError, whatever hangs there."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.get_running_loop().run_in_executor(self._thread, ask)
        except TimeoutError:
            # The next question has the thread, and a connection of its own.
            self._epoch.sever()
            raise

    def _check_authority(self, seen: Seen) -> None:
        """Raise StartFault where this collector's certificates would not be those of the others."""
        if not self._config.has_authority or not seen.authority:
            return
        if self._fingerprint() != seen.authority:
            raise StartFault(
                f"{self._config.identity_folder} does not hold the authority of this store's "
                f"collectors (SHA-256 {seen.authority[:16]}...): copy authority.key and "
                "authority.pem from that folder of the other collector, with mode 0600"
            )

    def _fingerprint(self) -> str:
        """SHA-256 of the authority's certificate; empty: there is none."""
        try:
            pem = (self._config.identity_folder / "authority.pem").read_text()
            return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
        except (OSError, ValueError):
            return ""


def reached_at(config: CollectorConfig) -> str:
    """By what others reach a collector, as it says of itself: "host:port", or a socket's path."""
    ports = [address for address in config.addresses if socket_path(address) is None]
    port = ports[0].rpartition(":")[2] if ports else ""
    # The first is what all of them have in common, where a balancer stands before them.
    for advertised in config.identity.advertise[-1:]:
        host = host_of(advertised)
        return advertised if advertised != host else f"{host}:{port}"
    if not ports:
        return config.addresses[0]
    host = host_of(ports[0])
    return f"{socket.gethostname() if is_wildcard(host) else host}:{port}"


def address_of_other(seen: Seen, own: str) -> str:
    """By what the active collector is reached, for one that stands by; empty: not known.

    Its own is that of its turn before, or a name that both have.
    """
    return "" if seen.released or seen.address == own else seen.address


async def _started(config: CollectorConfig, turn: Turn, until: asyncio.Task[Any]) -> Collector:
    """One that serves. What is not open when `until` has ended waits for a connection that is
    silent, and is cut off. Raises StartFault.
    """
    starting = asyncio.create_task(Collector.start(config, turn=turn))
    try:
        await asyncio.wait({starting, until}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            log.warning("the store does not open: its connections to the database are cut")
            sever_all()
            await asyncio.wait({starting}, timeout=_STOP_SECONDS)
        if not starting.done():
            raise StartFault("the store does not open: the database does not answer")
        return starting.result()
    except BaseException:
        starting.cancel()
        await asyncio.wait({starting}, timeout=_STOP_SECONDS)
        if starting.done() and not starting.cancelled() and starting.exception() is None:
            await starting.result().stop()
        raise


async def _ready(database: PostgresDatabase) -> None:
    """Raises TimeoutError where the database lets one in and answers nothing."""
    try:
        async with asyncio.timeout(_READY_SECONDS):
            await asyncio.to_thread(make_ready, database)
    except TimeoutError:
        sever_all()
        raise


def _line(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    return " ".join(str(error).split())[:200] or type(error).__name__
