"""Records on disk until the collector has acked them: a SQLite file, one stream.

Only what is committed can be read, so a record that was sent is never given
another content after a crash. Sample batches wait in memory for the next commit
(at most until `flush`); every other record is committed, with fsync, before
`append` returns.
"""

import sqlite3
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headstart.agent.wire import envelope_of
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import Envelope, Gap, RecordKind
from headstart.words.private_files import private_database, private_folder

_FILE_NAME = "spool.sqlite"
_VERSION = 1
_SCHEMA = """
CREATE TABLE meta (
    version INTEGER NOT NULL, stream_id TEXT NOT NULL,
    next_sequence INTEGER NOT NULL, dropped_batches INTEGER NOT NULL);
CREATE TABLE records (
    sequence INTEGER PRIMARY KEY, run_id TEXT NOT NULL, attempt INTEGER NOT NULL,
    kind INTEGER NOT NULL, envelope BLOB NOT NULL);
"""


class SpoolError(Exception):
    """The spool cannot be used as it is; the message says what the operator can do."""


@dataclass
class _Dropped:
    batches: int = 0
    rows: int = 0


class Spool:
    """Thread-safe. `limit_bytes` caps what sample batches may fill; other records always fit."""

    def __init__(self, folder: Path, limit_bytes: int = 1 << 30) -> None:
        private_folder(folder, marks=(_FILE_NAME,))
        self._lock = threading.Lock()
        self._limit_bytes = limit_bytes
        self._pending: list[Envelope] = []
        self._dropped: dict[tuple[str, int, int], _Dropped] = {}
        self._listeners: list[Callable[[], None]] = []
        path = private_database(folder / _FILE_NAME)
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            # NORMAL does not fsync at commit in WAL mode.
            self._db.execute("PRAGMA synchronous = FULL")
            self._open(path)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise SpoolError(
                f"{path} is not a readable spool ({error}); move it away to start a new stream"
            ) from error

    def _open(self, path: Path) -> None:
        known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
        if not known:
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        if not self._db.execute("SELECT 1 FROM meta").fetchone():
            self._db.execute("INSERT INTO meta VALUES (?, ?, 1, 0)", (_VERSION, uuid.uuid4().hex))
        version, self.stream_id, self._next, self._dropped_batches = self._db.execute(
            "SELECT version, stream_id, next_sequence, dropped_batches FROM meta"
        ).fetchone()
        if version != _VERSION:
            self._db.close()
            raise SpoolError(
                f"{path} has version {version}, this agent knows {_VERSION}: "
                "run the agent that wrote it until it is empty, or move it away"
            )
        self._bytes = self._db.execute(
            "SELECT coalesce(sum(length(envelope)), 0) FROM records"
        ).fetchone()[0]

    def on_append(self, listener: Callable[[], None]) -> None:
        """Call `listener` (from any thread) whenever something new can be read."""
        self._listeners.append(listener)

    def append(self, envelope: Envelope) -> None:
        """Take a record; its sequence is assigned here."""
        with self._lock:
            if envelope.kind == RecordKind.RECORD_KIND_SAMPLES:
                self._append_samples(envelope)
                return
            self._append_gaps(envelope.run_id, envelope.attempt)
            self._take(envelope)
            self._commit()
        self._notify()

    def _append_samples(self, envelope: Envelope) -> None:
        size = envelope.ByteSize()
        if self._bytes + size > self._limit_bytes:
            key = (envelope.run_id, envelope.attempt, envelope.trial)
            dropped = self._dropped.setdefault(key, _Dropped())
            dropped.batches += 1
            dropped.rows += envelope.rows
            self._dropped_batches += 1
            return
        self._take(envelope)

    def _append_gaps(self, run_id: str, attempt: int) -> None:
        """Say what was dropped before anything later of the same attempt is said."""
        for key in [key for key in self._dropped if key[:2] == (run_id, attempt)]:
            dropped = self._dropped.pop(key)
            gap = Gap(
                trial=key[2],
                batches=dropped.batches,
                rows=dropped.rows,
                reason=f"the spool reached its limit of {self._limit_bytes} bytes",
            )
            self._take(envelope_of(gap, run_id, attempt))

    def _take(self, envelope: Envelope) -> None:
        envelope.sequence = self._next
        self._next += 1
        self._bytes += envelope.ByteSize()
        self._pending.append(envelope)

    def _commit(self) -> None:
        if not self._pending:
            return
        rows = [
            (e.sequence, e.run_id, e.attempt, int(e.kind), e.SerializeToString())
            for e in self._pending
        ]
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
            self._db.execute(
                "UPDATE meta SET next_sequence = ?, dropped_batches = ?",
                (self._next, self._dropped_batches),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self._pending.clear()

    def flush(self) -> None:
        """Commit the sample batches that wait."""
        with self._lock:
            waiting = bool(self._pending)
            self._commit()
        if waiting:
            self._notify()

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()

    def read(self, after: int, limit: int) -> list[Envelope]:
        """Committed records with a sequence above `after`, ascending."""
        with self._lock:
            rows = self._db.execute(
                "SELECT envelope FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?",
                (after, limit),
            ).fetchall()
        return [Envelope.FromString(row[0]) for row in rows]

    @property
    def last(self) -> int:
        """The sequence of the newest record; 0: there was none."""
        with self._lock:
            return int(self._next) - 1

    def ack(self, sequence: int) -> None:
        """Forget everything up to `sequence`: the collector has it. None beyond the newest."""
        with self._lock:
            sequence = min(sequence, self._next - 1)
            self._commit()
            acked_bytes = self._db.execute(
                "SELECT coalesce(sum(length(envelope)), 0) FROM records WHERE sequence <= ?",
                (sequence,),
            ).fetchone()[0]
            self._db.execute("DELETE FROM records WHERE sequence <= ?", (sequence,))
            self._bytes -= acked_bytes

    def unacked_attempts(self) -> list[Attempt]:
        """Attempts whose terminal record is here and not yet acked."""
        with self._lock:
            rows = self._db.execute(
                "SELECT DISTINCT run_id, attempt FROM records WHERE kind = ?",
                (int(RecordKind.RECORD_KIND_RUN_OUTCOME),),
            ).fetchall()
        return [Attempt(run_id=run_id, attempt=attempt) for run_id, attempt in rows]

    def state(self) -> tuple[int, int, int]:
        """Bytes and records that wait for an ack, and sample batches dropped ever."""
        with self._lock:
            records = self._db.execute("SELECT count(*) FROM records").fetchone()[0]
            return self._bytes, records + len(self._pending), self._dropped_batches

    def close(self) -> None:
        """Commit what waits and close the file."""
        with self._lock:
            self._commit()
            self._db.close()
