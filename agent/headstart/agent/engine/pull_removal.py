"""Removing what runs pulled, and nothing that was there before."""

import logging
from pathlib import Path

from headstart.agent.engine.engine import Engine
from headstart.agent.engine.pull_ledger import PullEntry, PullLedger, names_of
from headstart.agent.instances import RuntimeFault
from headstart.words.foreign.image_reference import parse_image

log = logging.getLogger(__name__)


def remove_pulled(state: Path, engine: Engine) -> list[str]:
    """Remove what the ledger names, the last pull first; the names that are gone.

    What is in use stays in the ledger, for the next time. OSError is told, and left at that.
    """
    ledger = PullLedger.of(state)
    gone: list[str] = []
    try:
        entries = ledger.entries()
        if not entries:
            return []
        left: list[PullEntry] = []
        for entry in reversed(entries):
            # What an earlier pull brought has its name again when the later one's is gone.
            if entry.reference in {each.reference for each in left}:
                left.append(entry)
                continue
            try:
                if _remove(entry, engine):
                    gone.append(f"image {entry.reference}")
            except RuntimeFault as fault:
                log.warning("the pulled image %s stays for now: %s", entry.reference, fault.message)
                left.append(entry)
        ledger.keep(reversed(left))
    except OSError as error:
        log.warning("what was pulled may stay: its ledger: %s", error)
    return gone


def _remove(entry: PullEntry, engine: Engine) -> bool:
    """Whether there was something of the pull."""
    if not entry.came or entry.came == entry.old:
        return False
    image = engine.image(entry.came, cleaning_up=True)
    if image is None:
        return False
    asked = parse_image(entry.reference)
    repository = f"{asked.domain}/{asked.path}"
    names = names_of(image)
    ours = names & {entry.reference}
    if not any(name.startswith(f"{repository}:") for name in names - ours):
        # A digest is also that of whoever has the image under another tag of its repository.
        ours |= {name for name in names - {*entry.names} if name.startswith(f"{repository}@")}
    if not ours or (image["Id"] in entry.images and not names - ours):
        # It was here without a name: with ours it would go.
        return False
    # The tag first: the engine takes the digest with it.
    for name in sorted(ours, key=lambda name: "@" in name):
        engine.untag(name)
    is_free = entry.reference in ours
    if is_free and entry.old and engine.image(entry.old, cleaning_up=True) is not None:
        engine.tag(entry.old, entry.reference)
    return True
