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

    What is in use stays in the ledger, for the next time.
    """
    ledger = PullLedger.of(state)
    entries = ledger.entries()
    if not entries:
        return []
    gone, left = [], []
    for entry in reversed(entries):
        try:
            if _remove(entry, engine):
                gone.append(f"image {entry.reference}")
        except RuntimeFault as fault:
            log.warning("the pulled image %s stays for now: %s", entry.reference, fault.message)
            left.append(entry)
    ledger.keep(reversed(left))
    return gone


def _remove(entry: PullEntry, engine: Engine) -> bool:
    """Whether there was something of the pull."""
    image = engine.image(entry.reference, cleaning_up=True)
    if image is None or image["Id"] == entry.old:
        return False
    asked = parse_image(entry.reference)
    names = names_of(image)
    ours = {
        name
        for name in names - set(entry.names) | {entry.reference}
        if name == entry.reference or name.startswith(f"{asked.domain}/{asked.path}@")
    }
    if image["Id"] in entry.images and not names - ours:
        # It was here without a name: with ours it would go.
        return False
    # The tag first: the engine takes the digest with it.
    for name in sorted(ours, key=lambda name: "@" in name):
        engine.untag(name)
    if entry.old and engine.image(entry.old, cleaning_up=True) is not None:
        engine.tag(entry.old, entry.reference)
    return True
