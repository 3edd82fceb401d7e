"""Commands where folders of the user are missing or cannot be written."""

import os
from pathlib import Path

import pytest

from support.fake_runs import small
from support.recorded import recorded
from support.running import headstart

# Nobody can make a folder there, not even root.
NO_FOLDER = "/proc/none"


@pytest.mark.parametrize(
    "names",
    [
        ["HOME"],
        ["MPLCONFIGDIR"],
        ["HOME", "XDG_RUNTIME_DIR", "MPLCONFIGDIR", "TMPDIR", "XDG_CACHE_HOME"],
    ],
    ids=["home", "plots", "all"],
)
def test_a_report_with_plots_needs_none_of_them(tmp_path: Path, names: list[str]) -> None:
    recorded(
        tmp_path / "collector", small().experiment(), small(blocks=3).records(), host="bench-1"
    )
    ran = headstart(
        "report", "--data", tmp_path, "--format", "html", env=dict.fromkeys(names, NO_FOLDER)
    )

    assert ran.status == 0, ran.errors
    assert "<svg" in ran.output
    assert ran.errors == ""


@pytest.mark.root
def test_a_folder_that_came_from_another_user_is_read(tmp_path: Path) -> None:
    data = tmp_path / "data"
    records = small(blocks=2).records()
    (run_id,) = recorded(data / "collector", small().experiment(), records, host="bench-1")
    for path in (data, *data.rglob("*")):
        os.chown(path, 4242, 4242)
    ran = headstart("status", "--data", data)

    assert ran.status == 0, ran.errors
    assert run_id in ran.output


def test_an_agent_whose_state_cannot_be_kept_says_so_in_one_line() -> None:
    ran = headstart("agent", "--collector", "unix:/x", env={"HOME": NO_FOLDER})

    assert ran.status == 2
    assert len(ran.errors.splitlines()) == 1
    assert f"--state {NO_FOLDER}/.local/state/headstart/agent: No such file" in ran.errors
