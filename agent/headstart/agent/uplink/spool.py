"""Records on disk until the collector has acked them: a SQLite file, one stream.

Only what is committed can be read, so a record that was sent is never given
another content after a crash. Sample batches wait in memory for the next commit
(at most until `flush`); every other record is committed, with fsync, before
`append` returns. On a full disk it waits in memory too, and `problem` says so.
"""

import hashlib
import logging
import os
import secrets
import sqlite3
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from headstart.agent.uplink.spool_file import SpoolError, SpoolFile
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import Envelope, Gap, RecordKind
from headstart.words.commit_times import CommitTimes
from headstart.words.disks import with_refusal
from headstart.words.private_files import DATABASE_SUFFIXES, private_database, private_folder

__all__ = ["NotSetAside", "Spool", "SpoolError"]

log = logging.getLogger(__name__)

_FILE_NAME = "spool.sqlite"
# An empty one, until it has that name.
_NEXT_NAME = "next-spool.sqlite"
_SAMPLES = RecordKind.RECORD_KIND_SAMPLES
_OUTCOME = RecordKind.RECORD_KIND_RUN_OUTCOME
# Attempts that are remembered to have been acked in part: more than an agent has at once.
_MOST_PARTLY = 2000
# Free on the spool's disk, below which no run is taken; of a quarter of it sample batches
# take nothing, so that the end of a run finds room.
RESERVE_BYTES = 64 << 20
# Between looks whether the disk takes something, where no record is made.
_LOOK_SECONDS = 60.0
# A commit that takes longer holds nobody up who only asks how it stands.
_STATE_SECONDS = 0.5


class NotSetAside(Exception):
    """The spool is as it was, and in use; the message says why. To be tried again."""


@dataclass
class _Dropped:
    batches: int = 0
    rows: int = 0


class Spool:
    """Thread-safe. `limit_bytes` caps what sample batches may fill; other records always fit."""

    def __init__(
        self,
        folder: Path,
        limit_bytes: int = 1 << 30,
        host: str = "",
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        """The spool of a host (empty: of whichever it was). Raises SpoolError."""
        private_folder(folder, marks=(_FILE_NAME,))
        self._folder = folder
        self._lock = threading.Lock()
        self._limit_bytes = limit_bytes
        self._reserve_bytes = reserve_bytes
        self._pending: list[Envelope] = []
        self._pending_bytes = 0
        self._dropped: dict[tuple[str, int, int], _Dropped] = {}
        self._dropped_batches = 0
        self._listeners: list[Callable[[], None]] = []
        # Why the last commit failed; empty: it did not.
        self._fault = ""
        self._times = CommitTimes("its spool's disk")
        self._host = host
        self._draw_life()
        self._finish_exchange()
        self._open()

    def _finish_exchange(self) -> None:
        """What a kill amid `set_aside` left half-done."""
        here, beside = self._folder / _FILE_NAME, self._folder / _NEXT_NAME
        with suppress(OSError):
            if here.exists():
                _remove_database(beside)
            elif beside.exists():
                beside.rename(here)
                left = ", ".join(sorted(path.name for path in self._folder.glob("spool-*.sqlite")))
                log.error("the spool of another host was set aside in %s: %s", self._folder, left)

    def _open(self) -> None:
        self._file = SpoolFile(private_database(self._folder / _FILE_NAME))
        self._bytes = self._file.bytes()
        # Attempts of which records were acked, the newest last. What an earlier life had acked
        # is not known: it may be what the next record's attempt began with.
        self._partly = dict.fromkeys(
            (first.run_id, first.attempt) for _, first in self._file.read(0, 1)
        )
        self._state = (self._bytes, self._file.count(), self._file.meta.dropped_batches)
        if self._host and not self._file.meta.host:
            self._file.keep(replace(self._file.meta, host=self._host))

    @property
    def recorded_as(self) -> str:
        """The host under whose name this was recorded; empty: the spool is this host's.

        One that was renamed, or another one: `take_over` or `set_aside` follows, before any record.
        """
        recorded = self._file.meta.host
        return recorded if self._host and recorded != self._host else ""

    def take_over(self) -> None:
        """The stream is this host's, which had another name. Raises sqlite3.Error."""
        with self._lock:
            self._file.keep(replace(self._file.meta, host=self._host))

    def set_aside(self, moved: Callable[[Path], None]) -> None:
        """Begin an empty spool with a stream of its own; `moved` hears where the one of before is.

        What another host recorded it delivers itself, or nobody. Raises NotSetAside where there is
        no room to bring all of the old one together and to make the new one, as on a full disk, or
        the old one cannot be renamed. Raises SpoolError where the new one, whole before the old
        one goes, cannot be opened in its place.
        """
        with self._lock:
            aside = self._folder / f"spool-{self._file.meta.stream_id}.sqlite"
            beside = self._folder / _NEXT_NAME
            try:
                self._file.gather()
                self._make_empty(beside)
                self._exchange(beside, aside)
            except (OSError, sqlite3.Error, SpoolError) as error:
                # A file system that is read-only refuses that as well; the next try removes it.
                with suppress(OSError):
                    _remove_database(beside)
                why = with_refusal(str(error), self._folder)
                raise NotSetAside(
                    f"the spool in {self._folder} is that of host {self._file.meta.host} and "
                    f"cannot be set aside as {aside.name} yet: {why}"
                ) from error
            # SQLite leaves the log of a file that was renamed where it is: it is empty.
            self._file.close()
            moved(aside)
            self._open()

    def _make_empty(self, path: Path) -> None:
        """A spool of this host, all in one file. Raises OSError, sqlite3.Error, SpoolError."""
        _remove_database(path)
        made = SpoolFile(private_database(path))
        try:
            made.keep(replace(made.meta, host=self._host))
            made.gather()
        finally:
            made.close()

    def _exchange(self, beside: Path, aside: Path) -> None:
        """Give the spool another name and a new one its name. Raises OSError."""
        here = self._folder / _FILE_NAME
        here.rename(aside)
        try:
            beside.rename(here)
        except OSError:
            aside.rename(here)
            raise

    def _draw_life(self) -> None:
        self.life = secrets.randbits(62) or 1

    @property
    def stream_id(self) -> str:
        """The stream that is written."""
        return self._file.meta.stream_id

    @property
    def replaces(self) -> str:
        """The stream in whose place this one is; empty: none."""
        return self._file.meta.replaces

    def on_append(self, listener: Callable[[], None]) -> None:
        """Call `listener` (from any thread) whenever something new can be read."""
        self._listeners.append(listener)

    def append(self, envelope: Envelope) -> bool:
        """Take a record; its sequence is assigned when it is committed.

        False: the disk takes nothing, so it waits in memory, and whoever makes records should
        make no more.
        """
        with self._lock:
            if envelope.kind == _SAMPLES:
                self._append_samples(envelope)
                return not self._fault
            self._append_gaps(envelope.run_id, envelope.attempt)
            self._take(envelope)
            durable = self._commit()
        self._notify()
        return durable

    def _append_samples(self, envelope: Envelope) -> None:
        full = self._bytes + self._pending_bytes + envelope.ByteSize() > self._limit_bytes
        if full or self._fault or self._free_bytes() < self._reserve_bytes // 4:
            self._drop(envelope)
        else:
            self._take(envelope)

    def _drop(self, envelope: Envelope) -> None:
        key = (envelope.run_id, envelope.attempt, envelope.trial)
        dropped = self._dropped.setdefault(key, _Dropped())
        dropped.batches += 1
        dropped.rows += envelope.rows
        self._dropped_batches += 1

    def _append_gaps(self, run_id: str, attempt: int) -> None:
        """Say what was dropped before anything later of the same attempt is said."""
        for key in [key for key in self._dropped if key[:2] == (run_id, attempt)]:
            dropped = self._dropped.pop(key)
            gap = Gap(
                trial=key[2],
                batches=dropped.batches,
                rows=dropped.rows,
                reason=f"the spool reached its limit of {self._limit_bytes} bytes, "
                "or its disk was full",
            )
            self._take(envelope_of(gap, run_id, attempt))

    def _take(self, envelope: Envelope) -> None:
        self._pending_bytes += envelope.ByteSize()
        self._pending.append(envelope)

    def _commit(self, look: bool = False) -> bool:
        """False: the disk takes nothing; what must not be lost waits in memory."""
        if not (self._pending or self._fault or look):
            return True
        # With nothing to store, how it stands is a try.
        meta = replace(self._file.meta)
        positions = []
        for envelope in self._pending:
            positions.append(meta.next)
            envelope.sequence = meta.next
            meta.mark = envelope.mark = self._mark(meta.mark, envelope)
            meta.next += 1
        meta.dropped_batches += self._dropped_batches
        try:
            with self._times.one():
                self._file.append(positions, self._pending, meta)
        except sqlite3.Error as error:
            # Of a file system that is read-only SQLite says "disk I/O error".
            self._keep_what_must_be(with_refusal(str(error), self._folder))
            return False
        if self._fault:
            log.warning("the spool in %s can be written again", self._folder)
        self._fault = ""
        self._bytes += sum(envelope.ByteSize() for envelope in self._pending)
        self._dropped_batches = self._pending_bytes = 0
        self._pending.clear()
        return True

    def _mark(self, before: int, envelope: Envelope) -> int:
        """A digest of the record, all before it, and this life: a copy's records have others."""
        envelope.mark = 0
        content = b"%d %d " % (before, self.life) + envelope.SerializeToString()
        digest = hashlib.blake2b(content, digest_size=8).digest()
        return int.from_bytes(digest, "big", signed=True) or 1

    def _keep_what_must_be(self, fault: str) -> None:
        if not self._fault:
            log.error("the spool in %s cannot be written: %s", self._folder, fault)
        self._fault = fault
        kept = [envelope for envelope in self._pending if envelope.kind != _SAMPLES]
        for envelope in self._pending:
            if envelope.kind == _SAMPLES:
                self._drop(envelope)
        self._pending = kept
        self._pending_bytes = sum(envelope.ByteSize() for envelope in kept)

    def _free_bytes(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def problem(self) -> str:
        """Why no run should be taken now; empty: nothing."""
        if self._fault:
            return f"its spool cannot be written: {self._fault}"
        if slowness := self._times.slowness:
            return slowness
        free = self._free_bytes()
        if free < self._reserve_bytes:
            return (
                f"{free >> 20} MiB are free for its spool, "
                f"{self._reserve_bytes >> 20} MiB are wanted"
            )
        return ""

    def look(self) -> None:
        """Write something, so that `problem` knows of a disk that takes nothing."""
        with self._lock:
            self._commit(look=True)

    def flush(self) -> None:
        """Commit the sample batches that wait."""
        with self._lock:
            waiting = bool(self._pending)
            self._commit(look=bool(self._times.slowness) or self._times.idle > _LOOK_SECONDS)
        if waiting:
            self._notify()

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    def read(self, after: int, limit: int) -> list[Envelope]:
        """Committed records of the stream with a sequence above `after`, ascending."""
        with self._lock:
            began = self._file.meta.began
            found = self._file.read(began + after, limit)
        for position, envelope in found:
            envelope.sequence = position - began
        return [envelope for _, envelope in found]

    @property
    def last(self) -> int:
        """The sequence of the newest record that is committed; 0: there was none."""
        with self._lock:
            return self._file.meta.next - 1 - self._file.meta.began

    def ack(self, sequence: int) -> None:
        """Forget everything up to `sequence`: the collector has it. None beyond the newest."""
        with self._lock:
            self._commit()
            meta = self._file.meta
            acked = min(meta.began + min(sequence, 1 << 62), meta.next - 1)
            if acked <= meta.acked:
                return
            mark, freed = self._mark_at(acked), self._file.bytes(upto=acked)
            partly = self._file.attempts_upto(acked)
            try:
                self._file.forget(replace(meta, acked=acked, acked_mark=mark))
            except sqlite3.Error as error:
                # Room is needed to free room; the next ack tries again.
                log.warning("acked records stay in the spool for now: %s", error)
                return
            self._bytes -= freed
            for attempt in partly:
                self._partly[attempt] = self._partly.pop(attempt, None)
            while len(self._partly) > _MOST_PARTLY:
                del self._partly[next(iter(self._partly))]

    def _mark_at(self, position: int) -> int:
        meta = self._file.meta
        if position == meta.acked:
            return meta.acked_mark
        found = self._file.read(position - 1, 1)
        return found[0][1].mark if found and found[0][0] == position else 0

    def differs(self, sequence: int, mark: int) -> str:
        """Why a collector that has the stream up to here has another one; empty: it does not.

        `mark` is that of its record `sequence`; 0: it does not know.
        """
        with self._lock:
            meta = self._file.meta
            position = meta.began + sequence
            if position >= meta.next:
                return (
                    f"the collector has {sequence} records of this stream, the spool is older "
                    f"and made {meta.next - 1 - meta.began}"
                )
            if position < meta.acked:
                return (
                    f"the collector has {sequence} records of this stream and once confirmed "
                    f"{meta.acked - meta.began}: its store is another, or older"
                )
            own = self._mark_at(position)
            if sequence and mark and own and own != mark:
                return f"record {sequence} of this stream is not the one that the collector has"
        return ""

    def begin_stream(self) -> None:
        """Go on as a new stream with all that is not acked."""
        with self._lock:
            meta = self._file.meta
            self._file.keep(
                replace(meta, stream_id=uuid.uuid4().hex, replaces=meta.stream_id, began=meta.acked)
            )
            self._draw_life()

    @property
    def acked(self) -> int:
        """The highest sequence of the stream that was acked."""
        with self._lock:
            return self._file.meta.acked - self._file.meta.began

    def is_partly_acked(self, attempt: Attempt) -> bool:
        """Whether records of an attempt are not here any more, or perhaps are not."""
        with self._lock:
            return (attempt.run_id, attempt.attempt) in self._partly

    def unacked_attempts(self) -> list[Attempt]:
        """Attempts whose terminal record is here and not yet acked."""
        with self._lock:
            found = self._file.attempts_with(int(_OUTCOME))
            found += [(e.run_id, e.attempt) for e in self._pending if e.kind == _OUTCOME]
        return [Attempt(run_id=run_id, attempt=attempt) for run_id, attempt in found]

    def state(self) -> tuple[int, int, int]:
        """Bytes and records that wait for an ack, and sample batches dropped ever.

        As they were, while a commit takes its time.
        """
        if self._lock.acquire(timeout=_STATE_SECONDS):
            try:
                self._state = (
                    self._bytes + self._pending_bytes,
                    self._file.count() + len(self._pending),
                    self._file.meta.dropped_batches + self._dropped_batches,
                )
            finally:
                self._lock.release()
        return self._state

    def close(self) -> None:
        """Commit what waits and close the file."""
        with self._lock:
            if not self._commit():
                log.error("%d records found no room and are lost", len(self._pending))
            self._file.close()


def _remove_database(path: Path) -> None:
    for each in (path, *(path.with_name(path.name + suffix) for suffix in DATABASE_SUFFIXES)):
        each.unlink(missing_ok=True)
