"""Runs the renderer of dashboards/pictures: npm, node and Chromium."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).resolve().parents[3] / "dashboards" / "pictures"
_LOCK = PICTURES / "package-lock.json"
_INSTALLED = PICTURES / "node_modules" / ".package-lock.json"

_COLOURS = 128


@dataclass(frozen=True)
class Fault:
    """What is wrong with a board as it was drawn; `kind` is one of src/faults.ts."""

    kind: str
    panel: str
    text: str


def build() -> None:
    """Install what the lock file names, unless it is there, and make the page.

    Raises subprocess.CalledProcessError with npm's words.
    """
    if not _INSTALLED.exists() or _INSTALLED.stat().st_mtime < _LOCK.stat().st_mtime:
        subprocess.run(["npm", "ci"], cwd=PICTURES, check=True, capture_output=True, text=True)
        _INSTALLED.touch()
    subprocess.run(["npm", "run", "--silent", "build"], cwd=PICTURES, check=True)


def draw(
    boards: Path,
    prometheus: str,
    scrape_seconds: float,
    *,
    names: Sequence[str] = (),
    themes: Sequence[str] = ("light",),
    output: Path | None = None,
) -> dict[str, list[Fault]]:
    """What is wrong with each board, by its name; pictures NAME-THEME.png only with `output`.

    `prometheus` is "host:port"; `scrape_seconds` is the data source's scrape interval.
    """
    command = ["node", "draw.mjs", "--boards", str(boards.resolve())]
    command += ["--prometheus", f"http://{prometheus}", "--scrape", f"{scrape_seconds:g}"]
    command += [part for name in names for part in ("--board", name)]
    command += [part for theme in themes for part in ("--theme", theme)]
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        command += ["--output", str(output.resolve())]
    drawn = subprocess.run(command, cwd=PICTURES, check=True, stdout=subprocess.PIPE, text=True)
    return {
        board: [Fault(**fault) for fault in told["faults"]]
        for board, told in json.loads(drawn.stdout).items()
    }


def compress(picture: Path) -> None:
    """Fewer colours, in place: a third of the bytes, and nobody sees it."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE).save(
            picture, optimize=True
        )
