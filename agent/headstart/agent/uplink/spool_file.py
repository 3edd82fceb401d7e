"""The file of a spool: its tables, its version, and what a transaction of it holds.

A record lies at a position that is never given twice. Its sequence within the stream is
counted from the position at which the stream began, so that a new stream costs one row.
"""

import errno
import os
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.v1.records_pb2 import Envelope
from headstart.words.disks import refusal_of, with_refusal

VERSION = 2
_SCHEMA = """
CREATE TABLE meta (
    version INTEGER NOT NULL, stream_id TEXT NOT NULL,
    next_sequence INTEGER NOT NULL, dropped_batches INTEGER NOT NULL);
CREATE TABLE records (
    sequence INTEGER PRIMARY KEY, run_id TEXT NOT NULL, attempt INTEGER NOT NULL,
    kind INTEGER NOT NULL, envelope BLOB NOT NULL);
"""
_TO_VERSION_2 = """
ALTER TABLE meta ADD COLUMN began INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN acked INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN acked_mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN replaces TEXT NOT NULL DEFAULT '';
ALTER TABLE meta ADD COLUMN host TEXT NOT NULL DEFAULT '';
UPDATE meta SET version = 2,
    acked = coalesce((SELECT min(sequence) FROM records), next_sequence) - 1;
"""


# What says nothing about the file itself.
_OF_THE_DISK = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
)


class SpoolError(Exception):
    """The spool cannot be used as it is; the message says what the operator can do."""


@dataclass
class Meta:
    """What the file says of itself. Numbers are positions; marks are those of Envelope."""

    stream_id: str
    next: int
    dropped_batches: int
    # The position before the first record of the stream.
    began: int
    acked: int
    acked_mark: int
    # Of the newest record.
    mark: int
    # The stream in whose place this one is; empty: none.
    replaces: str
    # Whose records these are; empty: not yet known.
    host: str


class SpoolFile:
    """Not thread-safe. Errors of writing are sqlite3.Error, and leave everything as it was."""

    def __init__(self, path: Path) -> None:
        """Raises SpoolError."""
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            # NORMAL does not fsync at commit in WAL mode.
            self._db.execute("PRAGMA synchronous = FULL")
            self.meta = self._open(path)
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _unusable(path, error) from error

    def _open(self, path: Path) -> Meta:
        known = self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone()
        if not known:
            self._db.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
        if not self._db.execute("SELECT 1 FROM meta").fetchone():
            self._db.execute(
                "INSERT INTO meta (version, stream_id, next_sequence, dropped_batches) "
                "VALUES (1, ?, 1, 0)",
                (uuid.uuid4().hex,),
            )
        (version,) = self._db.execute("SELECT version FROM meta").fetchone()
        if version == 1:
            self._db.executescript(f"BEGIN; {_TO_VERSION_2} COMMIT;")
        elif version != VERSION:
            self._db.close()
            raise SpoolError(
                f"{path} has version {version}, this agent knows {VERSION}: "
                "run the agent that wrote it until it is empty, or move it away"
            )
        return Meta(
            *self._db.execute(
                "SELECT stream_id, next_sequence, dropped_batches, began, acked, acked_mark, "
                "mark, replaces, host FROM meta"
            ).fetchone()
        )

    def bytes(self, upto: int = (1 << 63) - 1) -> int:
        """The bytes of the records up to a position."""
        total = "SELECT coalesce(sum(length(envelope)), 0) FROM records WHERE sequence <= ?"
        return int(self._db.execute(total, (upto,)).fetchone()[0])

    def count(self) -> int:
        """Records that are here."""
        return int(self._db.execute("SELECT count(*) FROM records").fetchone()[0])

    def append(self, positions: Sequence[int], envelopes: Sequence[Envelope], meta: Meta) -> None:
        """Add records; `meta` is how it stands then."""
        rows = [
            (position, e.run_id, e.attempt, int(e.kind), e.SerializeToString())
            for position, e in zip(positions, envelopes, strict=True)
        ]
        self._change("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows, meta)

    def forget(self, meta: Meta) -> None:
        """Delete what is acked; `meta` is how it stands then."""
        self._change("DELETE FROM records WHERE sequence <= ?", [(meta.acked,)], meta)

    def keep(self, meta: Meta) -> None:
        """Write down how it stands."""
        self._change("", [], meta)

    def _change(self, statement: str, rows: Sequence[tuple[object, ...]], meta: Meta) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            if rows:
                self._db.executemany(statement, rows)
            else:
                # What is said anew as it stands is not written: no disk would be asked.
                (looks,) = self._db.execute("PRAGMA user_version").fetchone()
                self._db.execute(f"PRAGMA user_version = {(looks + 1) & 0xFFFF}")
            self._db.execute(
                "UPDATE meta SET stream_id = ?, next_sequence = ?, dropped_batches = ?, "
                "began = ?, acked = ?, acked_mark = ?, mark = ?, replaces = ?, host = ?",
                (
                    meta.stream_id,
                    meta.next,
                    meta.dropped_batches,
                    meta.began,
                    meta.acked,
                    meta.acked_mark,
                    meta.mark,
                    meta.replaces,
                    meta.host,
                ),
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        self.meta = meta

    def read(self, after: int, limit: int) -> list[tuple[int, Envelope]]:
        """Records behind a position, each with its own, ascending."""
        rows = self._db.execute(
            "SELECT sequence, envelope FROM records WHERE sequence > ? ORDER BY sequence LIMIT ?",
            (after, limit),
        )
        return [(position, Envelope.FromString(blob)) for position, blob in rows]

    def attempts_with(self, kind: int) -> list[tuple[str, int]]:
        """Attempts of which a record of this kind is here."""
        return self._db.execute(
            "SELECT DISTINCT run_id, attempt FROM records WHERE kind = ?", (kind,)
        ).fetchall()

    def attempts_upto(self, position: int) -> list[tuple[str, int]]:
        """Attempts of which a record lies at a position or before it."""
        return self._db.execute(
            "SELECT DISTINCT run_id, attempt FROM records WHERE sequence <= ?", (position,)
        ).fetchall()

    def gather(self) -> None:
        """Bring all that is committed into the file itself, so that it can be moved alone.

        Raises sqlite3.OperationalError, as where the disk is full; nothing is lost by it.
        """
        (busy, _, _) = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            raise sqlite3.OperationalError("somebody else reads it")

    def close(self) -> None:
        """Close the file."""
        self._db.close()


def _unusable(path: Path, error: sqlite3.DatabaseError) -> SpoolError:
    # Python's own errors, of a misuse, have no code. The low byte is the kind.
    kind = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if kind not in _OF_THE_DISK:
        return SpoolError(
            f"{path} is not a readable spool ({error}); move it away to start a new stream"
        )
    if kind == sqlite3.SQLITE_FULL or refusal_of(path.parent) == os.strerror(errno.ENOSPC):
        # Where SQLite finds no room for what it maps into memory, it says "disk I/O error".
        return SpoolError(f"there is no room for {path}: free some on its disk")
    return SpoolError(f"{path} cannot be used: {with_refusal(str(error), path.parent)}")
