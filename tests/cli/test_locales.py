"""Commands where the locale or the file is not UTF-8."""

import json
from pathlib import Path

import pytest

from support.fake_runs import small
from support.recorded import recorded
from support.running import Ran, headstart

ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
PLACES = [ASCII, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONIOENCODING": "ascii:strict"}]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run whose revision is not ASCII."""
    folder = tmp_path_factory.mktemp("data")
    experiment = small().experiment()
    experiment.name = "spieler-€"
    recorded(folder / "collector", experiment, small(blocks=2).records(), host="bench-1")
    return folder


def shown(data: Path, env: dict[str, str], *form: str) -> Ran:
    ran = headstart("report", "--data", data, *form, env=env)
    assert ran.status == 0, ran.errors
    return ran


@pytest.mark.parametrize("env", PLACES)
def test_a_report_is_shown_as_far_as_it_can_be(data: Path, env: dict[str, str]) -> None:
    output = shown(data, env).output

    assert output.encode(env.get("PYTHONIOENCODING", "ascii").partition(":")[0])
    assert "spieler-\\u20ac" in output
    assert "\\u2013" not in output


@pytest.mark.parametrize("form", ["json", "markdown", "html"])
def test_what_goes_into_a_file_is_utf_8(data: Path, tmp_path: Path, form: str) -> None:
    suffix = {"json": "json", "markdown": "md", "html": "html"}[form]
    file = tmp_path / f"report.{suffix}"
    output = shown(data, ASCII, "--format", form).output
    shown(data, ASCII, "--output", str(file))

    assert "spieler-€" in file.read_text(encoding="utf-8")
    assert "€" in output
    if form == "json":
        assert json.loads(output)["experiment"] == "spieler-€"


def test_a_file_in_latin_1_is_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "app.yaml"
    file.write_bytes("experiment: a\nbaseline: für\n".encode("latin-1"))
    ran = headstart("check", file)

    assert ran.status == 2
    assert f"{file}:2:12: byte 0xFC is not UTF-8; the file looks like Latin-1" in ran.errors
