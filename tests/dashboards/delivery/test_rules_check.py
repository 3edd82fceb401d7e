"""`headstart rules`: a rule file written, and held against promtool or against its form."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headstart.cli.main import cli

GROUP = "groups:\n- name: g\n  rules:\n"
FORMS = [
    ("- a: [", "not YAML: "),
    ("groups: 7", "no list of groups"),
    ("groups: [{rules: []}]", "group 1: expected a name and a list of rules"),
    (f"{GROUP}  - expr: up\n", "group g: a rule is neither an alert nor a record"),
    (f"{GROUP}  - alert: A\n    expr: sum(up\n", "group g: A: expr is no expression: sum(up"),
    (f"{GROUP}  - alert: A\n    expr: up\n    for: soon\n", "A: for is no duration: soon"),
    (f"{GROUP}  - alert: A\n    expr: up\n    fro: 1m\n", "group g: A: unknown fro"),
    (
        f"{GROUP}  - alert: A\n    expr: up\n    annotations: {{a: '{{{{ x'}}\n",
        "A: annotations have a template that does not end",
    ),
    ("groups: [{name: g, rules: []}, {name: g, rules: []}]", "there is another one of that name"),
]


def rules(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["rules", *map(str, arguments)])


@pytest.fixture
def without_promtool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.prometheus
def test_promtool_finds_the_rules_fine() -> None:
    assert rules("check").output == "the rules: fine, by promtool\n"


@pytest.mark.prometheus
def test_what_promtool_says_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(f"{GROUP}  - alert: A\n    expr: sum(up) by\n")

    result = rules("check", file)

    first, other = str(result.exception).splitlines()
    assert result.exception is not None
    assert result.exception.exit_code == 2  # type: ignore[attr-defined]
    assert first == f"{file}: not fine, by promtool"
    assert 'group "g", rule 1, "A": could not parse expression' in other
    assert str(file) not in other


@pytest.mark.prometheus
def test_a_text_that_fails_only_when_it_is_made_is_found(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    texts = '{a: "{{ $labels.x.y }}", c: "{{ query \\"up\\" | first | value }}"}'
    file.write_text(f"{GROUP}  - alert: A\n    expr: up\n    annotations: {texts}\n")

    _, first, other = str(rules("check", file).exception).splitlines()

    assert first.startswith("A: its a fails when it is made: executing")
    assert "can't evaluate field y" in first
    assert "A: its c fails when it is made: " in other
    assert "first() called on vector with no elements" in other


@pytest.mark.prometheus
def test_of_very_many_mistakes_some_are_told_and_the_others_counted(tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(GROUP + "".join(f"  - alert: A{n}\n    expr: (\n" for n in range(50)))

    told = str(rules("check", file).exception).splitlines()

    assert (len(told), told[-1]) == (22, "and 30 more")


@pytest.mark.usefixtures("without_promtool")
def test_without_promtool_the_form_is_checked_and_that_is_said() -> None:
    assert rules("check").output == ("the rules: fine, by form alone: promtool is not installed\n")


@pytest.mark.usefixtures("without_promtool")
@pytest.mark.parametrize(("text", "wrong"), FORMS, ids=[wrong for _, wrong in FORMS])
def test_a_file_of_another_form_is_refused(text: str, wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(text)

    assert wrong in str(rules("check", file).exception)


@pytest.mark.prometheus
@pytest.mark.parametrize(("text", "wrong"), FORMS, ids=[wrong for _, wrong in FORMS])
def test_what_is_refused_by_form_promtool_refuses_too(
    text: str, wrong: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(text)

    assert "by promtool" in str(rules("check", file).exception)


def test_a_file_and_a_configuration_exclude_each_other(tmp_path: Path) -> None:
    result = rules("check", tmp_path / "a.yml", "--config", tmp_path / "a.toml")

    assert str(result.exception).startswith("FILE and --config exclude each other")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    result = rules("check", tmp_path / "a.yml")

    assert str(result.exception) == f"{tmp_path / 'a.yml'}: No such file or directory"


def test_rules_and_examples_are_written_whole(tmp_path: Path) -> None:
    names = ("headstart.rules.yml", "prometheus.yml", "alertmanager.yml")
    files = [tmp_path / name for name in names]

    result = rules("write", "-o", files[0], "--prometheus", files[1], "--alertmanager", files[2])

    assert result.output.splitlines() == [str(file) for file in files]
    assert [file.read_text().splitlines()[1][:8] for file in files] == [
        "groups:", "# An exa", "# An exa",
    ]  # fmt: skip
