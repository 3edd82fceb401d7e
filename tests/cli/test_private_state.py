"""What `headstart run` keeps is its user's own, whatever the umask."""

import os
import stat
from pathlib import Path

from support.running import app, experiment, free_port, run


def open_to_others(folder: Path) -> list[str]:
    """What of a folder others could read or enter, itself included."""
    return [
        str(path.relative_to(folder))
        for path in (folder, *folder.rglob("*"))
        # A trial's own folder is below the agent's, and mounted into containers.
        if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.name not in ("processes", "images")
    ]


def test_nothing_of_a_run_is_open_to_others_and_what_was_is_closed(tmp_path: Path) -> None:
    port = free_port()
    content = experiment(port, {"a": app(port), "b": app(port)}, plan={"blocks": 1})
    data = tmp_path / "data"
    before = os.umask(0)
    try:
        assert run(tmp_path, content).status == 0
        assert open_to_others(data) == []

        # As an older release left it.
        for path in (data, *data.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        ran = run(tmp_path, content)
    finally:
        os.umask(before)

    assert ran.status == 0
    kept = [name for name in open_to_others(data) if not name.startswith("reports")]
    assert kept == []
    assert f"{data}: others could read it (mode 0755); now it has mode 0700" in ran.errors
    assert not any(name.endswith((".html", ".json", ".md")) for name in open_to_others(data))
