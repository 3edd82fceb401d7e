"""Draws every board, light and dark, into docs/images/dashboards; or those that are named."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from support.pictured.drawing import build, compress, draw
from support.pictured.making import made
from support.pictured.present import SCRAPE_SECONDS, present

_ROOT = Path(__file__).resolve().parents[3]


async def _draw(options: argparse.Namespace) -> int:
    build()
    boards = options.boards
    past = await made(options.kept)
    with tempfile.TemporaryDirectory(prefix="headstart-pictures-") as folder:
        async with present(past, Path(folder), boards / "headstart.rules.yml") as server:
            faults = await asyncio.to_thread(
                draw,
                boards,
                server.address,
                SCRAPE_SECONDS,
                names=options.board,
                themes=("light", "dark"),
                output=options.output,
            )
    for picture in options.output.glob("*.png"):
        compress(picture)
    for board, found in faults.items():
        print(f"{board}: {len(found)} faults")
        for fault in found:
            print(f"  {fault.kind}: {fault.panel}: {fault.text}")
    return 0


def main() -> int:
    """0 once everything is drawn; what is wrong with a board is printed."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("board", nargs="*", help="as its file is named, without .json")
    parser.add_argument("--boards", type=Path, default=_ROOT / "dashboards" / "generated")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "images" / "dashboards")
    parser.add_argument("--kept", type=Path, default=_ROOT / ".headstart" / "pictures")
    return asyncio.run(_draw(parser.parse_args()))


if __name__ == "__main__":
    sys.exit(main())
