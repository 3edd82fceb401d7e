"""What a disk says to whoever writes on it, in words that a database's errors lack."""

import os
import tempfile
from pathlib import Path

_PIECE = bytes(4096)


def refusal_of(folder: Path) -> str:
    """Why the file system below a folder takes nothing now; empty: it takes something.

    It is tried: a file system that was made read-only by an error still says that it is not.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(_PIECE)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.strerror or str(error)
    return ""


def with_refusal(said: str, folder: Path) -> str:
    """A database's words, and what the disk says where it says something else."""
    refusal = refusal_of(folder)
    return f"{said} ({folder}: {refusal})" if refusal else said
