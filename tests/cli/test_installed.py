"""The command that adds an extra to an installation, by where that came from."""

import json
import shlex
import sys
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from headstart.cli import installed


def came_from(monkeypatch: pytest.MonkeyPatch, folder: Path, origin: dict[str, Any] | None) -> None:
    """As if an installer had written this down."""
    (folder / "METADATA").write_text("Name: headstart\nVersion: 0.1.0\n")
    if origin is not None:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.setattr(installed, "distribution", lambda _name: Distribution.at(folder))


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        (None, ["headstart[collector]"]),
        (
            {"url": "file:///srv/a%20b/headstart.whl", "archive_info": {}},
            ["headstart[collector] @ file:///srv/a%20b/headstart.whl"],
        ),
        (
            {
                "url": "https://git.example.com/headstart.git",
                "vcs_info": {"vcs": "git", "requested_revision": "main", "commit_id": "0a1b2c"},
            },
            ["headstart[collector] @ git+https://git.example.com/headstart.git@0a1b2c"],
        ),
        (
            {"url": "file:///home/a%20b/headstart", "dir_info": {"editable": True}},
            ["-e", "/home/a b/headstart[collector]"],
        ),
        (
            {"url": "file:///home/headstart", "dir_info": {}},
            ["headstart[collector] @ file:///home/headstart"],
        ),
    ],
)
def test_an_extra_is_taken_from_where_the_installation_came_from(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    origin: dict[str, Any] | None,
    words: list[str],
) -> None:
    came_from(monkeypatch, tmp_path, origin)

    command = installed.command_for("collector")

    assert shlex.split(command) == [sys.executable, "-m", "pip", "install", *words]


def test_what_pipx_installed_has_no_pip_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    came_from(monkeypatch, tmp_path, None)
    environment = tmp_path / "headstart-2"
    environment.mkdir()
    (environment / "pipx_metadata.json").touch()
    monkeypatch.setattr(sys, "prefix", str(environment))

    command = installed.command_for("parquet")

    assert command == "pipx runpip headstart-2 install 'headstart[parquet]'"
