"""What was read of images before, in the agent's state folder: an image never changes.

A file that is missing, damaged or of another version means that the image is read again.
"""

import hashlib
import json
import os
from pathlib import Path

from google.protobuf.message import DecodeError

from headstart.agent.image.binary import Program
from headstart.v1.records_pb2 import ImageFacts

# Raised when the same image would be described otherwise.
_VERSION = 1
_KEPT_IMAGES = 200
_KEPT_LAYERS = 2000


def key_of(digest: str, program: Program) -> str:
    """Of an image and the program that a variant starts in it."""
    parts = [str(_VERSION), digest, program.search_path, program.working_directory, *program.argv]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


class ImageCache:
    """A folder of small files; what cannot be written is not kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self, key: str) -> ImageFacts | None:
        """What was stored; None: nothing that can be used."""
        try:
            return ImageFacts.FromString((self._folder / f"{key}.pb").read_bytes())
        except (OSError, DecodeError):
            return None

    def store(self, key: str, facts: ImageFacts) -> None:
        """Keep it, and forget the oldest of too many."""
        self._write(f"{key}.pb", facts.SerializeToString())
        kept = sorted(self._folder.glob("*.pb"), key=_written, reverse=True)
        for old in kept[_KEPT_IMAGES:]:
            old.unlink(missing_ok=True)

    def layer_pulls(self) -> dict[str, int]:
        """Name of a layer -> its bytes when compressed here."""
        try:
            found = json.loads((self._folder / "layers.json").read_bytes())
        except (OSError, ValueError):
            return {}
        if not isinstance(found, dict):
            return {}
        return {name: size for name, size in found.items() if isinstance(size, int)}

    def store_layer_pulls(self, pulls: dict[str, int]) -> None:
        """Keep the latest."""
        latest = dict(list(pulls.items())[-_KEPT_LAYERS:])
        self._write("layers.json", json.dumps(latest).encode())

    def _write(self, name: str, data: bytes) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = self._folder / f".{name}.{os.getpid()}"
            part.write_bytes(data)
            part.replace(self._folder / name)
        except OSError:
            # A full disk: the image is read again next time.
            return


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
