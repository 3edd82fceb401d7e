"""Which release of Headstart this is, and which commit it was built from.

A package says so in a file that the build wrote; a checkout is asked through git.
The build (hatch_build.py) loads this file alone, so it imports nothing of ours.
"""

import json
import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

# Beside this module in a package that was built; not in a checkout.
FILE = "commit.json"
# Those of a shell or of a hook of git would lead to another repository.
_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX")


@dataclass(frozen=True)
class Commit:
    """What a tree was taken from: a commit, and whether files differed from it."""

    digits: str
    changed: bool

    def __str__(self) -> str:
        return f"commit {self.digits[:12]}" + (", with changes" if self.changed else "")

    def as_json(self) -> str:
        """What a build writes into FILE."""
        return json.dumps({"commit": self.digits, "changed": self.changed}) + "\n"


def release() -> str:
    """Version and commit in one line; "commit unknown" where nothing tells it."""
    here = Path(__file__).parent
    # In a checkout: ROOT/words/headstart/words.
    commit = kept_commit(here / FILE) or commit_of(here.parents[2])
    return f"{version('headstart')} ({commit or 'commit unknown'})"


def kept_commit(file: Path) -> Commit | None:
    """What a build wrote; None where there is no such file."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Commit(kept["commit"], kept["changed"])


def commit_of(root: Path) -> Commit | None:
    """The commit that a checkout is at; None where `root` is none, or git does not say."""
    if not (root / ".git").exists():
        return None
    try:
        digits = _git(root, "rev-parse", "--verify", "HEAD").strip()
        return Commit(digits, changed=bool(_git(root, "status", "--porcelain")))
    except (OSError, subprocess.SubprocessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return subprocess.run(
        ["git", "-C", str(root), *arguments],  # noqa: S607  # the one on the path
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
        env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
    ).stdout
