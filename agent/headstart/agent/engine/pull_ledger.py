"""What pulls may have made in the engine, on disk before each begins.

A pulled image bears no mark of ours, so an agent that was killed would not know it again. An
entry says what was there before, and a second line, once the pull is over, which image came: what
the first does not name of that image, under the reference that was pulled, is the pull's. Without
the second nothing is: what has that name by now somebody else may have pulled or built.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

from headstart.words.foreign.image_reference import MalformedReference, parse_image

_CAME = {"reference", "came"}


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
    # Id of the image that came; empty: none that is known of.
    came: str = ""

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
        """What is on disk; a line that was cut off is of a pull that never began. OSError."""
        if not self._path.exists():
            return []
        found: list[PullEntry] = []
        for line in self._path.read_text(errors="replace").splitlines():
            try:
                said = json.loads(line)
                if said.keys() == _CAME:
                    _put_came(found, **said)
                else:
                    found.append(_entry(**said))
            except (ValueError, TypeError, AttributeError, RecursionError):
                continue
        return found

    def note(self, entry: PullEntry) -> None:
        """Add one; a line that was cut off before is ended."""
        with self._path.open("a") as file:
            file.write(f"\n{json.dumps(asdict(entry))}\n")

    def note_came(self, reference: str, image_id: str) -> None:
        """The image that the last pull of a reference brought."""
        with self._path.open("a") as file:
            file.write(f"{json.dumps({'reference': reference, 'came': image_id})}\n")

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


def _entry(
    reference: str, old: str, images: Sequence[str], names: Sequence[str], came: str = ""
) -> PullEntry:
    """TypeError or ValueError (of a reference) where a line says anything else."""
    for text in (reference, old, came, *images, *names):
        if not isinstance(text, str):
            raise TypeError
    parse_image(reference)
    return PullEntry(reference, old, tuple(images), tuple(names), came)


def _put_came(entries: list[PullEntry], reference: str, came: str) -> None:
    for number in reversed(range(len(entries))):
        if entries[number].reference == reference:
            entries[number] = replace(entries[number], came=str(came))
            return


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
