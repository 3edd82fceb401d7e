"""What stands at a path; no where this user may not look, as pathlib raises there."""

from pathlib import Path


def is_file(path: Path) -> bool:
    """Whether a file is seen there. An inline program is no path at all: too long, or odd."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_within(path: Path, folder: Path) -> bool:
    """Whether what stands at a path, its links followed, lies below a folder."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError):
        # RuntimeError: links in a circle.
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is seen there."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
