"""Contexts of builds that were submitted: files in the store's folder, each kept once.

A file has the SHA-256 of its tar as its name. It is on disk, whole and checked, before it has
that name: what breaks off, or a collector that is killed, leaves at most a file among `incoming`,
which the next start removes. One that no run may need any more is removed, an hour after it came
or was asked for last at the soonest.
"""

import asyncio
import hashlib
import logging
import os
import re
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO

import zstandard
from sqlalchemy import Connection, select

from headstart.collector.config import Quotas
from headstart.collector.store import runs as store_runs
from headstart.collector.store.store import Store
from headstart.collector.store.tables import experiments, runs
from headstart.collector.tasks import traceback_of
from headstart.v1.experiment_pb2 import ContextArchive, Experiment
from headstart.words.private_files import private_folder

log = logging.getLogger(__name__)

# How much more than an archive its tar may have.
TAR_FACTOR = 8
_SHA256 = re.compile("[0-9a-f]{64}")
_GRACE_SECONDS = 3600.0
_LOOK_SECONDS = 600.0
_PIECE_SECONDS = 60.0
_ALL_SECONDS = 3600.0
_MOST_AT_ONCE = 8
_PIECE_BYTES = 1 << 20
_LARGEST_WINDOW_BYTES = 8 << 20


class NotTaken(Exception):
    """An archive is not kept; the message is a sentence. `too_much`: for its size."""

    def __init__(self, message: str, too_much: bool = False) -> None:
        super().__init__(message)
        self.too_much = too_much


class Contexts:
    """The archives of a collector. Use from one event loop."""

    def __init__(self, folder: Path, quotas: Quotas) -> None:
        """OSError where the folder cannot be made."""
        self._folder = private_folder(folder, marks=("incoming",))
        self._incoming = private_folder(folder / "incoming")
        self._quotas = quotas
        # What those take, at most, that come now.
        self._coming: dict[str, int] = {}
        for path in self._incoming.iterdir():
            path.unlink()

    @property
    def most_stored_bytes(self) -> int:
        """Of one archive."""
        return self._quotas.context_bytes

    @property
    def most_tar_bytes(self) -> int:
        """Of what one unpacks to."""
        return TAR_FACTOR * self._quotas.context_bytes

    def has(self, sha256: str) -> bool:
        """Whether it is here; then it stays for an hour at least."""
        if not _SHA256.fullmatch(sha256):
            return False
        try:
            os.utime(self._folder / sha256)
        except FileNotFoundError:
            return False
        return True

    def size(self, sha256: str) -> int:
        """Of one that is here. FileNotFoundError."""
        return (self._folder / sha256).stat().st_size

    def open(self, sha256: str) -> BinaryIO:
        """To read it, also when it is removed meanwhile. FileNotFoundError."""
        if not _SHA256.fullmatch(sha256):
            raise FileNotFoundError(sha256)
        return (self._folder / sha256).open("rb")

    async def take(self, archive: ContextArchive, pieces: AsyncIterator[bytes]) -> None:
        """Keep an archive. NotTaken; then, and when the caller is cancelled, nothing of it is left.

        OSError where the disk does not take it.
        """
        self._check(archive)
        if self.has(archive.sha256):
            return
        path = self._incoming / f"{archive.sha256}-{secrets.token_hex(4)}"
        self._coming[path.name] = archive.stored_bytes
        try:
            async with asyncio.timeout(_ALL_SECONDS):
                await self._receive(path, archive, pieces)
                # Alone in its thread: a check that nobody waits for any more goes on to its end.
                await asyncio.to_thread(_check_content, path, archive)
            os.replace(path, self._folder / archive.sha256)  # noqa: PTH105
            await asyncio.to_thread(_sync_folder, self._folder)
        except TimeoutError:
            raise NotTaken(
                "the context did not come in time: no piece for"
                f" {_PIECE_SECONDS:g} s, or not all of it within {_ALL_SECONDS / 60:g} minutes"
            ) from None
        finally:
            del self._coming[path.name]
            path.unlink(missing_ok=True)
        log.info("context %s is kept: %d bytes", archive.sha256, archive.stored_bytes)

    def _check(self, archive: ContextArchive) -> None:
        """What can be said before a byte came."""
        if not _SHA256.fullmatch(archive.sha256) or not archive.stored_bytes:
            raise NotTaken("a context begins with its SHA-256 in hexadecimal, and its size")
        if archive.stored_bytes > self.most_stored_bytes:
            raise NotTaken(
                f"the context has {archive.stored_bytes} bytes as it is sent; this collector takes"
                f" {self.most_stored_bytes} (--context-bytes)",
                too_much=True,
            )
        if archive.tar_bytes > self.most_tar_bytes:
            raise NotTaken(
                f"the context unpacks to {archive.tar_bytes} bytes; this collector takes"
                f" {self.most_tar_bytes}, {TAR_FACTOR} times its --context-bytes",
                too_much=True,
            )
        if len(self._coming) >= _MOST_AT_ONCE:
            raise NotTaken(f"{_MOST_AT_ONCE} other contexts are just coming: try again", True)
        used = self._used_bytes() + sum(self._coming.values())
        if used + archive.stored_bytes > self._quotas.all_contexts_bytes:
            raise NotTaken(
                f"the contexts of runs that may still need them take {used} of the"
                f" {self._quotas.all_contexts_bytes} bytes that this collector keeps"
                " (--all-context-bytes): try again when some of these runs have ended",
                too_much=True,
            )

    def _used_bytes(self) -> int:
        return sum(path.stat().st_size for path in self._archives())

    def _archives(self) -> list[Path]:
        return [path for path in self._folder.iterdir() if _SHA256.fullmatch(path.name)]

    async def _receive(
        self, path: Path, archive: ContextArchive, pieces: AsyncIterator[bytes]
    ) -> None:
        received = 0
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            while True:
                async with asyncio.timeout(_PIECE_SECONDS):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                received += len(piece)
                if received > archive.stored_bytes:
                    raise NotTaken("the context has more bytes than it began by saying")
                await asyncio.to_thread(file.write, piece)
            if received < archive.stored_bytes:
                raise NotTaken(f"the context ends after {received} of {archive.stored_bytes} bytes")
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())

    async def keep_needed(self, store: Store) -> None:
        """For as long as the collector lives: at once, then every ten minutes."""
        while True:
            try:
                await self.remove_unneeded(store)
            except Exception as error:
                words = "contexts that no run needs were not removed: %s"
                log.error(words, error, exc_info=traceback_of(error))
            await asyncio.sleep(_LOOK_SECONDS)

    async def remove_unneeded(self, store: Store, grace_seconds: float = _GRACE_SECONDS) -> None:
        """Remove those that no run may need which has not ended."""
        before = time.time() - grace_seconds
        old = [path for path in self._archives() if path.stat().st_mtime <= before]
        if not old:
            return
        lost_after = store.now() - grace_seconds
        needed = await store.read(lambda c: _needed(c, lost_after))
        for path in old:
            # Asked for meanwhile: a run that needs it may have come.
            if path.name not in needed and path.stat().st_mtime <= before:
                path.unlink()
                log.info("context %s is removed: no run needs it", path.name)


def archives_of(experiment: Experiment) -> set[str]:
    """What the builds of an experiment were sent."""
    builds = (variant.build for variant in experiment.variants if variant.HasField("build"))
    return {build.archive.sha256 for build in builds if build.HasField("archive")}


def is_needed_by(connection: Connection, run_id: str, attempt: int, sha256: str) -> str | None:
    """The host of a run whose current attempt goes on and may build from it; None: it does not."""
    row = connection.execute(
        select(runs.c.host, experiments.c.experiment)
        .join(experiments)
        .where(
            runs.c.run_id == run_id,
            runs.c.attempt == attempt,
            runs.c.attempt > 0,
            # A lease that was taken for lost may go on.
            runs.c.state.in_((store_runs.QUEUED, store_runs.LEASED, store_runs.LOST)),
        )
    ).first()
    if row is None or sha256 not in archives_of(Experiment.FromString(row.experiment)):
        return None
    return str(row.host)


def _needed(connection: Connection, lost_after: float) -> set[str]:
    """By runs that wait or go on, and by those whose agents were lost a short while ago."""
    may_run = runs.c.state.not_in(store_runs.ENDED) | (
        (runs.c.state == store_runs.LOST) & (runs.c.ended_seconds > lost_after)
    )
    open_ones = select(runs.c.experiment_id).where(may_run)
    rows = connection.execute(
        select(experiments.c.experiment).where(experiments.c.id.in_(open_ones))
    )
    found: set[str] = set()
    for row in rows:
        found |= archives_of(Experiment.FromString(row.experiment))
    return found


def _check_content(path: Path, archive: ContextArchive) -> None:
    """NotTaken unless its tar has this SHA-256 and size; nothing of it is kept in memory."""
    found = hashlib.sha256()
    size = 0
    decompressor = zstandard.ZstdDecompressor(max_window_size=_LARGEST_WINDOW_BYTES)
    try:
        with path.open("rb") as file, decompressor.stream_reader(file) as frame:
            while piece := frame.read(_PIECE_BYTES):
                size += len(piece)
                if size > archive.tar_bytes:
                    raise NotTaken(
                        f"the context unpacks to more than the {archive.tar_bytes} bytes that it"
                        " began by saying",
                        too_much=True,
                    )
                found.update(piece)
    except zstandard.ZstdError as error:
        raise NotTaken(f"the context came damaged: {error}") from error
    if size != archive.tar_bytes or found.hexdigest() != archive.sha256:
        raise NotTaken("the context came damaged: its tar has another SHA-256 or size")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
