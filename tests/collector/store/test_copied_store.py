"""A store that went to PostgreSQL shows what it showed: reports, history and /metrics.

It is `store_of_schema_1`, brought to this release's tables by a collector of this release.
"""

import asyncio
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from headstart.collector.store import backups, restoring
from headstart.collector.store.database import database_of
from headstart.collector.store.migrations import KNOWN_VERSION
from headstart.collector.store.moving import move
from headstart.collector.store.store import FILE_NAME
from headstart.v1.experiments_pb2 import (
    HistoryRequest,
    ListRequest,
    ReportFormat,
    ReportRequest,
)
from support.attending import collecting, experiments, in_loop

if TYPE_CHECKING:
    from support.postgres_server import PostgresServer

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("forked_workers")]

_JSON = ReportFormat.REPORT_FORMAT_JSON
_PACKED = Path(__file__).parents[2] / "support" / "store_of_schema_1" / "store.sqlite.zst"


async def _shown(folder: Path, url: str = "") -> dict[str, Any]:
    """What a collector on a store says to people and to Prometheus."""
    async with (
        collecting(folder, store=url, metrics_listen="127.0.0.1:0") as collector,
        experiments(collector.port) as stub,
    ):
        runs = list((await stub.List(ListRequest())).runs)
        names = sorted({run.experiment for run in runs})
        assert collector.metrics_port is not None
        return {
            "runs": runs,
            "reports": [
                await _whole(stub.Report(ReportRequest(run_id=run.run_id, format=_JSON)))
                for run in runs
            ],
            "histories": [await stub.History(HistoryRequest(experiment=name)) for name in names],
            "metrics": await asyncio.to_thread(_results, collector.metrics_port),
        }


async def _whole(pieces: Any) -> bytes:
    return b"".join([piece.chunk async for piece in pieces])


def _results(port: int) -> list[str]:
    """Every series of an experiment or a host; a collector's own are of its process."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sorted(line for line in lines if 'experiment="' in line or 'host="' in line)


def _unpack(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    unpacked = zstandard.ZstdDecompressor().decompress(_PACKED.read_bytes())
    (folder / FILE_NAME).write_bytes(unpacked)


def test_a_store_that_was_copied_shows_the_same(tmp_path: Path, postgres: "PostgresServer") -> None:
    url = postgres.new_database()
    _unpack(tmp_path / "data")
    before = asyncio.run(_shown(tmp_path / "data"))
    move(str(tmp_path / "data"), url)
    # The folder stays the collector's, for its authority and contexts.
    after = asyncio.run(_shown(tmp_path / "data", url))
    backups.make(tmp_path / "data", tmp_path / "backup", database_of(url, tmp_path))
    restoring.restore(tmp_path / "backup", tmp_path / "restored")
    restored = asyncio.run(_shown(tmp_path / "restored"))

    assert len(before["runs"]) >= 5
    assert len(before["metrics"]) >= 100
    assert any(history.series for history in before["histories"])
    assert after == before
    assert restored == before


@in_loop
async def test_a_database_is_backed_up_while_its_collector_runs(
    tmp_path: Path, postgres: "PostgresServer"
) -> None:
    url = postgres.new_database()
    async with collecting(tmp_path / "data", store=url):
        made = await asyncio.to_thread(
            backups.make, tmp_path / "data", tmp_path / "backup", database_of(url, tmp_path)
        )

    assert FILE_NAME in made.files
    assert made.store_version == KNOWN_VERSION
    # All of it is in the one file.
    assert sorted(path.name for path in (tmp_path / "backup").glob("headstart*")) == [FILE_NAME]
