"""How long the ports of a collector with thousands of results stay shut, and its page unread."""

import asyncio
import tempfile
import time
import urllib.request
from pathlib import Path

from bench.table import BenchRow
from headstart.collector.config import CollectorConfig
from headstart.collector.server import Collector
from support.stored_results import fill

_OPEN_SECONDS = 2.0
_WHOLE_SECONDS = 10.0


def run(quick: bool) -> list[BenchRow]:
    """Two rows; a minute, most of it to fill the store."""
    count = 500 if quick else 5000
    with tempfile.TemporaryDirectory(prefix="headstart-bench-") as folder:
        return asyncio.run(_rows(Path(folder) / "data", count))


async def _rows(data: Path, count: int) -> list[BenchRow]:
    await fill(data, count)
    began = time.perf_counter()
    async with await Collector.start(CollectorConfig(data, metrics_listen="127.0.0.1:0")) as made:
        opened = time.perf_counter() - began
        body = await asyncio.to_thread(scrape, f"http://127.0.0.1:{made.metrics_port}/metrics")
        whole = time.perf_counter() - began
    what = f"start of a collector with {count:,} results"
    shown = body.count(b"\n")
    return [
        BenchRow(
            f"{what}: until its ports are open",
            f"{opened:.2f} s",
            f"<= {_OPEN_SECONDS:g} s",
            "",
            ok=opened <= _OPEN_SECONDS,
        ),
        BenchRow(
            f"{what}: until its first scrape is answered, whole",
            f"{whole:.2f} s, {shown:,} lines",
            f"<= {_WHOLE_SECONDS:g} s",
            "",
            ok=whole <= _WHOLE_SECONDS,
        ),
    ]


def scrape(url: str) -> bytes:
    """A whole page."""
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310  # our own
        return bytes(answer.read())
