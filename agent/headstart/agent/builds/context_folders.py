"""The folders into which contexts of builds are brought: below the state folder, for one run."""

import os
from pathlib import Path


def contexts_folder(state: Path) -> Path:
    """Where an agent keeps them."""
    return state / "contexts"


def remove_contexts(state: Path) -> list[str]:
    """Remove all of an agent's, also after it was killed; what was removed. OSError."""
    folder = contexts_folder(state)
    if not folder.is_dir():
        return []
    names = [f"context {path.name}" for path in folder.iterdir()]
    remove_tree(folder)
    return sorted(names)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing. OSError."""
    if not any(folder.iterdir()):
        folder.rmdir()


def remove_tree(folder: Path) -> None:
    """Remove a folder with all that is in it, folders that nobody may enter too. OSError."""
    below = [folder]
    folders = []
    while below:
        here = below.pop()
        folders.append(here)
        here.chmod(0o700)
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    below.append(Path(entry.path))
                else:
                    Path(entry.path).unlink()
    for each in reversed(folders):
        each.rmdir()
