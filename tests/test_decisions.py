"""The decisions in docs/decisions are what their commands make of the reports beside them."""

import re
import shlex
from pathlib import Path

import pytest

from support.running import headstart

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/decisions"
DOCUMENTS = sorted(FOLDER.glob("*.md"))
MARK = "\n<!-- What follows is written by hand. -->\n"
# Of all reports of one decision.
MOST_BYTES = 4_000_000


def made_by(document: Path) -> tuple[str, list[str]]:
    """What stands above the mark, and the command below it that makes this."""
    made, _, by_hand = document.read_text().partition(MARK)
    joined = by_hand.replace("\\\n", " ")
    (command,) = re.findall(r"^    (headstart report .* decision .*)$", joined, re.MULTILINE)
    return made, shlex.split(command)[1:]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_a_decision_is_what_its_command_prints_for_the_reports_beside_it(document: Path) -> None:
    made, words = made_by(document)
    ran = headstart(*words, cwd=ROOT)

    assert ran.status == 0, ran.errors
    assert ran.output == made


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_each_report_of_a_decision_is_used_and_all_are_small(document: Path) -> None:
    _, words = made_by(document)
    used = {ROOT / word for word in words if word.endswith(".json")}
    kept = {path for path in next(iter(used)).parent.iterdir() if path.suffix == ".json"}

    assert used == kept
    assert all(path.with_suffix(".html").exists() for path in kept)
    assert sum(path.stat().st_size for path in next(iter(used)).parent.iterdir()) < MOST_BYTES
