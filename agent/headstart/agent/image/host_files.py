"""The files that a command of a host sees."""

from pathlib import Path
from typing import BinaryIO

from headstart.agent.untrusted import open_file


class HostFiles:
    """See `binary.Files`."""

    def resolve(self, path: str) -> str | None:
        """See `binary.Files`."""
        try:
            real = Path(path).resolve()
            return str(real) if real.is_file() else None
        except (OSError, ValueError, RuntimeError):
            return None

    def open(self, path: str) -> BinaryIO:
        """See `binary.Files`."""
        return open_file(path)
