"""The roles file: who has which role, and what is wrong with it."""

import logging
from pathlib import Path

import pytest

from headstart.collector.identity.roles_file import RolesFile, RolesFileError
from headstart.words.roles import Role

ROLES = """
operator = ["alice@example.com", "ci-*"]
reader = ["*@example.com"]
agent = ["*.lab.example"]
"""


def roles_file(folder: Path, text: str) -> Path:
    path = folder / "roles.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("alice@example.com", {Role.OPERATOR, Role.READER}),
        ("Alice@Example.com", {Role.OPERATOR, Role.READER}),
        ("bob@example.com", {Role.READER}),
        ("ci-7", {Role.OPERATOR}),
        ("ci-7.lab.example", {Role.AGENT}),
        ("ci-7@evil.example", set()),
        ("bench.lab.example", {Role.AGENT}),
        ("a.bench.lab.example", set()),
        ("xlab.example", set()),
        ("alice@example.com.evil", set()),
        ("bob", set()),
    ],
)
def test_which_names_have_which_roles(tmp_path: Path, name: str, roles: set[Role]) -> None:
    assert RolesFile(roles_file(tmp_path, ROLES)).roles_of((name,)) == roles


def test_one_of_several_names_is_enough(tmp_path: Path) -> None:
    file = RolesFile(roles_file(tmp_path, ROLES))

    assert file.roles_of(("bench.lab.example", "ci-7")) == {Role.AGENT, Role.OPERATOR}
    assert file.roles_of(()) == set()


def test_a_file_that_names_no_agents_leaves_that_to_the_rest(tmp_path: Path) -> None:
    file = RolesFile(roles_file(tmp_path, 'operator = ["ci-*"]'))

    assert file.roles_of(("ci-7",)) == {Role.OPERATOR}
    assert file.roles_of(("bench-1",)) == {Role.AGENT}


def test_all_mistakes_are_told_at_once_with_their_lines(tmp_path: Path) -> None:
    text = """operator = [
  "alice@example.com",
  "two words",
  7,
]
king = ["x"]
reader = "bob"
agent = ["*.*", "a*b*c*d*e*"]
"""
    with pytest.raises(RolesFileError) as caught:
        RolesFile(roles_file(tmp_path, text))

    lines = str(caught.value).splitlines()
    assert [line.strip().partition(": ")[0] for line in lines[1:]] == [
        "line 3",
        "line 4",
        "line 6",
        "line 7",
        "line 8",
        "line 8",
    ]
    assert "unknown role; known are agent, operator, reader" in lines[3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"operator = [", r"not TOML: "),
        (b"\xff", "not UTF-8"),
        (b"#" * (300 << 10), "more than"),
        (b"x = " + b"[" * 5000, "nested too deep|not TOML"),
    ],
)
def test_what_is_no_file_of_roles_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "roles.toml"
    path.write_bytes(content)
    with pytest.raises(RolesFileError, match=words):
        RolesFile(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RolesFileError, match="cannot be read: No such file"):
        RolesFile(tmp_path / "none.toml")


def test_an_edit_holds_at_once_and_a_mistake_leaves_what_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = roles_file(tmp_path, ROLES)
    file = RolesFile(path)
    assert file.roles_of(("carol",)) == set()
    assert not file.changed()

    path.write_text('operator = ["carol"]')
    assert file.changed()
    assert file.roles_of(("carol",)) == {Role.OPERATOR}

    path.write_text("operator = 7\n")
    with caplog.at_level(logging.ERROR):
        assert not file.changed()
        assert not file.changed()
    assert file.roles_of(("carol",)) == {Role.OPERATOR}
    path.unlink()
    assert not file.changed()
    assert file.roles_of(("carol",)) == {Role.OPERATOR}
    assert len([r for r in caplog.records if "roles stay as they were" in r.message]) == 2
