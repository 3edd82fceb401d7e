"""The images that builds made, on disk as soon as they exist.

Steps of the classic builder leave an image each. They bear no label of ours (a label
would be a step more, and measured), so that an agent which was killed amid a build
would not know them again.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Self


class Ledger:
    """Image ids, the oldest first, in a file of the state folder."""

    @classmethod
    def of(cls, state: Path) -> Self:
        """That of an agent, by its state folder."""
        return cls(state / "builds")

    def __init__(self, path: Path) -> None:
        self._path = path
        self.images = path.read_text().split() if path.exists() else []

    def note(self, images: Iterable[str]) -> None:
        """Add those that are new."""
        new = [image for image in images if image and image not in self.images]
        if new:
            with self._path.open("a") as file:
                file.write("".join(f"{image}\n" for image in new))
            self.images += new

    def keep(self, images: Iterable[str]) -> None:
        """These alone are still there."""
        self.images = list(images)
        if self.images:
            self._path.write_text("".join(f"{image}\n" for image in self.images))
        else:
            self._path.unlink(missing_ok=True)
