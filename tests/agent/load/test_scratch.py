"""Folders of loads do not outlive their agents."""

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from headstart.agent.load.scratch import remove_abandoned, scratch

KILLED = """
import os, signal, sys
from pathlib import Path
from headstart.agent.load.scratch import scratch
with scratch(Path(sys.argv[1])) as folder:
    (folder / "h2load.log").write_text("1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_what_a_killed_agent_left_is_removed_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    (left,) = names_in(tmp_path)
    with scratch(tmp_path) as used:
        assert remove_abandoned(tmp_path) == [left]
        assert names_in(tmp_path) == [used.name]

    assert ended.returncode == -signal.SIGKILL
    assert names_in(tmp_path) == []


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "headstart-load-link").symlink_to("target")

    assert remove_abandoned(tmp_path) == []
    assert (tmp_path / "target").is_dir()


def test_a_folder_that_is_just_made_is_not_taken_for_abandoned(tmp_path: Path) -> None:
    """Of two agents on one machine, one starts while the other begins a load."""
    over = threading.Event()

    def remove() -> None:
        while not over.is_set():
            remove_abandoned(tmp_path)

    with ThreadPoolExecutor(1) as others:
        other = others.submit(remove)
        try:
            for _ in range(500):
                with scratch(tmp_path) as folder:
                    (folder / "h2load.log").write_text("1")
                    assert (folder / "h2load.log").read_text() == "1"
        finally:
            over.set()
        other.result()
    assert names_in(tmp_path) == []
