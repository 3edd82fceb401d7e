"""The documents hold together: decisions have one form and an index, and what is named is there."""

import dataclasses
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from headstart.agent.policy.policy import Policy
from support.known_commands import is_known

ROOT = Path(__file__).parents[1]
DECISIONS = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
_FORM = re.compile(
    r"# (?P<number>\d{4}): (?P<title>[^\n]+)\n\n"
    r"Status: (?P<status>(accepted|superseded by \d{4})[^\n]*)\n"
    r".*^## Context\n.*^## Decision\n.*^## Consequences\n",
    re.DOTALL | re.MULTILINE,
)
_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
_FOR_OPERATORS = [
    f"docs/{each}.md"
    for each in ("FLEET", "ACCESS", "UPGRADE", "BACKUP", "POLICY", "CI", "STANDBY")
]
_NAMED = re.compile(r"(?:ADR |adr/)(\d{4})")


def _tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    )
    found = [path for line in listed.stdout.splitlines() if (path := ROOT / line).is_file()]
    if not found:
        pytest.skip("not a git checkout")
    return found


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.name[:4])
def test_a_decision_has_the_one_form_and_stands_in_the_index(decision: Path) -> None:
    form = _FORM.match(decision.read_text())
    assert form, f"{decision.name} lacks its title, status or one of the three headings"

    row = f"| [{form['number']}]({decision.name}) | {form['title']} | {form['status']} |"
    assert row in (ROOT / "docs/adr/README.md").read_text()
    assert decision.name.startswith(form["number"])


def test_the_index_lists_no_decision_that_is_gone() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]", (ROOT / "docs/adr/README.md").read_text(), re.MULTILINE)

    assert listed == [path.name[:4] for path in DECISIONS]


def test_decisions_that_are_named_exist() -> None:
    known = {path.name[:4] for path in DECISIONS}
    dangling = {
        f"{path.relative_to(ROOT)}: {number}"
        for path in _tracked("*.py", "*.md", "*.proto", "*.toml", "Makefile", ".ci/run")
        if path != Path(__file__)
        for number in _NAMED.findall(path.read_text())
        if number not in known
    }

    assert dangling == set()


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)}: {target}{'#' if section else ''}{section}"
        for path in _tracked("*.md")
        for target, section in _LINK.findall(path.read_text())
        if not _leads_somewhere(path.parent / target if target else path, section)
    ]

    assert broken == []


def _leads_somewhere(target: Path, section: str) -> bool:
    if not target.exists() or not section or target.suffix != ".md":
        return target.exists()
    prose = re.sub(r"^```.*?^```$", "", target.read_text(), flags=re.DOTALL | re.MULTILINE)
    # As GitHub names the headings of a document.
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return section in {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


def test_each_key_of_a_policy_is_named_where_a_fleet_is_set_up_and_explained_in_its_table() -> None:
    keys = {field.name.removesuffix("_bytes") for field in dataclasses.fields(Policy)} - {
        "kept_back"
    }  # not of a file

    fleet, policy = ((ROOT / "docs" / name).read_text() for name in ("FLEET.md", "POLICY.md"))
    assert {key for key in keys if f"`{key}`" not in fleet} == set()
    assert {key for key in keys if f"\n| `{key}` | " not in policy} == set()


def test_commands_of_the_documents_for_operators_exist_with_their_options() -> None:
    said = [
        line.strip()
        for name in (*_FOR_OPERATORS, "deploy/README.md", "README.md")
        for line in (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        if line.startswith("    headstart ")
    ]
    unknown = [line for line in said if not is_known(shlex.split(line, comments=True)[1:])]

    assert len(said) > 30
    assert unknown == []
