"""SECURITY.md names a test for each promise; they must exist."""

import re
from pathlib import Path

from headstart.agent.policy.keys import KEYS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text()
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)


def test_every_named_test_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text()
    ]

    assert NAMED
    assert missing == []


def test_every_line_of_a_face_names_its_test_or_says_that_there_is_none() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "held by" not in line]
    without = [row for row in rows if "::" not in row and "| no test: " not in row]

    assert len(rows) > 20
    assert without == []


def test_every_key_of_a_policy_names_what_holds_it() -> None:
    section = TEXT.partition("## The policy, key by key")[2].partition("\n## ")[0]
    stated = re.findall(r"^\| `(\w+)` \| .* \| `tests/", section, re.MULTILINE)

    assert stated
    assert sorted(stated) == sorted(KEYS)
