"""Exports of runs: made in the analysis process, sent from a file that nobody ever sees."""

import asyncio
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from headstart.collector.export.formats import NEEDED
from headstart.collector.judge import worker
from headstart.collector.judge.analyst import NoRecords
from headstart.collector.judge.job_limits import JobFault
from headstart.collector.judge.process_pool import AnalysisPool
from headstart.collector.store import queries, records as store_records
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import ExportFormat, ExportTable
from headstart.words.enums import word

log = logging.getLogger(__name__)

# In the data folder: /tmp may be memory, and may be small.
_FOLDER = "exports"


class NoParquet(Exception):
    """The library that writes Parquet files is not installed here."""

    def __init__(self) -> None:
        super().__init__(
            "this collector cannot write Parquet files, since pyarrow is not installed where it "
            "runs: there, pip install 'pyarrow>=19'"
        )


class RecordsPruned(Exception):
    """The records of a run were deleted by retention, or are being deleted now."""

    def __init__(self, run_id: str, at_seconds: float) -> None:
        when = f"were pruned on {datetime.fromtimestamp(at_seconds, UTC):%Y-%m-%d}"
        super().__init__(
            f"the raw records of run {run_id} {when if at_seconds else 'are being pruned'} "
            "(retention), so it cannot be exported; its report stays"
        )


class ExportFault(Exception):
    """The export broke: a fault of ours, and the message says which."""


class Exporter:
    """Use from one event loop."""

    def __init__(self, store: Store, pool: AnalysisPool) -> None:
        self._store = store
        self._pool = pool
        self._folder = store.folder / _FOLDER

    def clear(self) -> None:
        """Delete what a collector that was killed left behind; the folder is this one's alone."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def export(
        self,
        run_id: str,
        table: ExportTable.ValueType,
        chunk_bytes: int,
        export_format: ExportFormat.ValueType = ExportFormat.EXPORT_FORMAT_PARQUET,
    ) -> AsyncGenerator[bytes, None]:
        """A file in pieces, of what is stored now.

        Raises NoParquet, RecordsPruned, NoRecords and ExportFault, all before the first piece.
        """
        needed = NEEDED.get(word(ExportFormat, export_format))
        if needed and find_spec(needed) is None:
            raise NoParquet
        if pruned := await self._store.read(lambda c: queries.pruned_seconds(c, run_id)):
            raise RecordsPruned(run_id, pruned)
        info = await self._store.read(lambda c: queries.info(c, run_id))
        attempt = info.attempt
        if not await self._store.read(lambda c: store_records.any_of(c, run_id, attempt)):
            raise NoRecords(run_id, "there is nothing to export")
        with self._scratch() as path:
            await self._write(run_id, table, path, export_format)
            file = await asyncio.to_thread(path.open, "rb")
        with file:
            while chunk := await asyncio.to_thread(file.read, chunk_bytes):
                yield chunk

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        """A new, empty file. Its name is gone afterwards; who opened it can read on."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        os.close(descriptor)
        path = Path(name)
        try:
            yield path
        finally:
            path.unlink()

    async def _write(
        self,
        run_id: str,
        table: ExportTable.ValueType,
        path: Path,
        export_format: ExportFormat.ValueType,
    ) -> None:
        try:
            whole = await self._pool.run(
                worker.export, self._store.where, run_id, table, str(path), export_format
            )
        except JobFault as fault:
            log.error("run %s: export failed: %s", run_id, fault)
            raise ExportFault(f"the export failed: {fault}") from fault
        if not whole:
            raise RecordsPruned(
                run_id, await self._store.read(lambda c: queries.pruned_seconds(c, run_id))
            )
