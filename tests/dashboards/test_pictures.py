"""Every board as it is drawn, from a Prometheus that scraped a real collector with a past."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from headstart.dashboards import write
from headstart.dashboards.generate import dashboards
from support.pictured.drawing import PICTURES, Fault, build, draw
from support.pictured.making import made
from support.pictured.present import SCRAPE_SECONDS, present

pytestmark = [
    pytest.mark.npm,
    pytest.mark.chromium,
    pytest.mark.prometheus,
    pytest.mark.alone,
    pytest.mark.timeout(600),
]

_NO_REGISTRY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")
BOARDS = [board["uid"] for board in dashboards()]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Fault]]:
    """What is wrong with each board; one build, one past and one browser for all."""
    try:
        build()
    except subprocess.CalledProcessError as error:
        if any(code in (error.stderr or "") for code in _NO_REGISTRY):
            pytest.skip("the packages of dashboards/pictures cannot be fetched")
        raise
    return asyncio.run(_drawn(tmp_path_factory.mktemp("pictures")))


async def _drawn(folder: Path) -> dict[str, list[Fault]]:
    generated = folder / "generated"
    *_, rules = write(generated)
    past = await made(folder / "kept")
    now = folder / "now"
    now.mkdir()
    async with present(past, now, rules) as server:
        return await asyncio.to_thread(draw, generated, server.address, SCRAPE_SECONDS)


def of_kind(drawn: dict[str, list[Fault]], board: str, *kinds: str) -> list[str]:
    return [f"{each.panel}: {each.text}" for each in drawn[board] if each.kind in kinds]


def test_every_board_is_drawn(drawn: dict[str, list[Fault]]) -> None:
    assert sorted(drawn) == sorted(BOARDS)


def test_the_types_of_the_renderer_fit(drawn: dict[str, list[Fault]]) -> None:
    checked = subprocess.run(
        ["npm", "run", "--silent", "types"],
        cwd=PICTURES,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("board", BOARDS)
def test_nothing_is_unknown_and_no_query_fails(drawn: dict[str, list[Fault]], board: str) -> None:
    assert of_kind(drawn, board, "unknown", "failed") == []


@pytest.mark.parametrize("board", BOARDS)
def test_no_panel_is_empty_without_words(drawn: dict[str, list[Fault]], board: str) -> None:
    assert of_kind(drawn, board, "empty") == []


@pytest.mark.parametrize("board", BOARDS)
def test_columns_text_and_plots_have_room(drawn: dict[str, list[Fault]], board: str) -> None:
    found = of_kind(drawn, board, "outside", "cut", "squeezed")

    assert found == []
