"""The past as files, kept for an hour: a store, and a month of Prometheus's blocks."""

import hashlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from support.pictured.hosts import XEON_AWAY
from support.pictured.past import HOUR, Past, as_openmetrics
from support.pictured.runs import everything

_ROOT = Path(__file__).resolve().parents[3]
# What the past is made by: where one of these changes, it is made anew.
_SOURCES = ("collector/headstart", "words/headstart", "tests/support")
# Prometheus's own lookback when it draws; a longer gap would be one in every picture.
_KEPT_SECONDS = HOUR
# The newest run ended so long ago: by then nothing of the run before it is looked back at.
_REST_SECONDS = 3 * HOUR


@dataclass(frozen=True)
class Made:
    """Folders to copy from: the collector's data, and Prometheus's blocks."""

    data: Path
    blocks: Path


async def made(kept: Path) -> Made:
    """The past in a folder below `kept`, which holds no older one then."""
    folder = kept / _digest()
    found = Made(folder / "data", folder / "blocks")
    done = folder / "done"
    if done.exists() and time.time() - done.stat().st_mtime < _KEPT_SECONDS:
        return found
    shutil.rmtree(kept, ignore_errors=True)
    folder.mkdir(parents=True)
    now = time.time()
    pages = await _play(found.data, now)
    lines = folder / "past.txt"
    with lines.open("wb") as file:
        file.writelines(as_openmetrics(pages, now))
    subprocess.run(
        [
            *("promtool", "tsdb", "create-blocks-from", "--max-block-duration=2000h", "-q"),
            *("openmetrics", str(lines), str(found.blocks)),
        ],
        check=True,
    )
    lines.unlink()
    done.touch()
    return found


async def _play(data: Path, now: float) -> list[tuple[float, bytes]]:
    ran = everything()
    pages = []
    async with Past.opened(data) as past:
        await past.greet(now - ran[0].age_seconds - _REST_SECONDS - HOUR)
        for each in ran:
            ended = now - each.age_seconds - _REST_SECONDS
            await past.take(each, ended)
            pages.append((ended, past.page()))
        last = next(each for each in reversed(ran) if each.machine is XEON_AWAY)
        await past.queue(last, now - _REST_SECONDS)
    return pages


def _digest() -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        for file in sorted((_ROOT / source).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
