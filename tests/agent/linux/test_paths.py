"""Where this user may not look nothing is seen, and nothing is raised."""

from pathlib import Path

import pytest

from headstart.agent.linux.paths import is_file, is_folder


def test_what_is_there_is_seen(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert is_file(tmp_path / "file")
    assert is_folder(tmp_path)
    assert not is_file(tmp_path)
    assert not is_folder(tmp_path / "file")


def test_where_nobody_may_look_nothing_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may look everywhere, so that the refusal is made."""

    def refuse(path: Path, **_more: bool) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "stat", refuse)

    assert not is_file(tmp_path)
    assert not is_folder(tmp_path)
