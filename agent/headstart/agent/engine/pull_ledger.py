"""What pulls may have made in the engine, on disk before each begins.

A pulled image bears no mark of ours, so an agent that was killed would not know it again. An
entry says what was there before: what it does not name, under the reference that was pulled, is
the pull's.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from headstart.words.foreign.image_reference import MalformedReference, parse_image


@dataclass(frozen=True)
class PullEntry:
    """A pull, as the engine was before it."""

    # With registry and tag or digest.
    reference: str
    # The image of that name; empty: there was none.
    old: str
    # Ids of all images, and their names in full.
    images: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def before(cls, reference: str, listed: Sequence[Mapping[str, Any]]) -> Self:
        """By what the engine lists."""
        holders = {name: str(each["Id"]) for each in listed for name in names_of(each)}
        ids = sorted({str(each["Id"]) for each in listed})
        return cls(reference, holders.get(reference, ""), tuple(ids), tuple(sorted(holders)))


class PullLedger:
    """Entries, the oldest first, in a file of the state folder."""

    @classmethod
    def of(cls, state: Path) -> Self:
        """That of an agent, by its state folder."""
        return cls(state / "pulls")

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> list[PullEntry]:
        """What is on disk; a line that was cut off is of a pull that never began."""
        if not self._path.exists():
            return []
        found = []
        for line in self._path.read_text().splitlines():
            try:
                said = json.loads(line)
                images, names = tuple(said.pop("images")), tuple(said.pop("names"))
                found.append(PullEntry(images=images, names=names, **said))
            except (ValueError, KeyError, TypeError):
                continue
        return found

    def note(self, entry: PullEntry) -> None:
        """Add one; a line that was cut off before is ended."""
        with self._path.open("a") as file:
            file.write(f"\n{json.dumps(asdict(entry))}\n")

    def keep(self, entries: Iterable[PullEntry]) -> None:
        """These alone are still to be seen to."""
        lines = [json.dumps(asdict(each)) for each in entries]
        if not lines:
            self._path.unlink(missing_ok=True)
            return
        # Whole or as it was, whenever the agent is killed.
        new = self._path.with_suffix(".new")
        new.write_text("\n".join([*lines, ""]))
        new.replace(self._path)


def names_of(image: Mapping[str, Any]) -> set[str]:
    """Tags and digests of an image, in full."""
    found = set()
    for text in [*(image.get("RepoTags") or []), *(image.get("RepoDigests") or [])]:
        try:
            found.add(parse_image(text).full)
        except MalformedReference:
            # "<none>:<none>"
            continue
    return found
