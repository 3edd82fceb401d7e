"""What is known of a store's damage."""

import logging
from collections.abc import Callable

from headstart.collector.store.admission import StoreDamaged

log = logging.getLogger(__name__)


class Damage:
    """Of one store, by its readers and its writer: what is damaged stays so. From any thread."""

    def __init__(self, advice: Callable[[], str]) -> None:
        self._advice = advice
        # What was said when it was met first; empty: it never was.
        self.words = ""

    def met(self, words: str) -> StoreDamaged:
        """What to raise; the first time it is logged with what to do about it."""
        if not self.words:
            self.words = words
            log.error("%s: %s", words, self._advice())
        return StoreDamaged(words)
