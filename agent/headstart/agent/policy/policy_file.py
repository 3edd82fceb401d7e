"""The policy file of a host, read anew whenever it matters, and what changed in it."""

import logging
import threading
from dataclasses import fields
from pathlib import Path

from headstart.agent.policy.policy import Policy, PolicyError

log = logging.getLogger(__name__)


class PolicyFile:
    """The policy that holds now; thread-safe.

    `path` None: there is no file, and `first` holds for ever.
    """

    def __init__(self, path: Path | None, first: Policy) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._last = first
        self._problem = ""

    def read(self) -> Policy:
        """The policy as the file states it now; what changed since the last time is logged.

        PolicyError where the file cannot be read or is wrong: then nothing may run, since
        neither what it said before nor what was meant is known to be allowed.
        """
        if self._path is None:
            return self._last
        with self._lock:
            try:
                now = Policy.load(self._path)
            except OSError as error:
                problem = f"it cannot be read: {error.strerror}"
                raise self._told(PolicyError(self._path, [problem])) from error
            except PolicyError as error:
                raise self._told(error) from None
            if self._problem:
                log.warning("the policy file %s can be used again", self._path)
            for change in changes(self._last, now):
                log.warning("the policy file %s changed: %s", self._path, change)
            self._last, self._problem = now, ""
            return now

    def holds(self) -> Policy:
        """The same; where the file cannot be used, the policy under which nothing may run."""
        try:
            return self.read()
        except PolicyError:
            return Policy.default()

    def _told(self, error: PolicyError) -> PolicyError:
        if self._problem != str(error):
            log.error("nothing may run here until the policy file is mended: %s", error)
        self._problem = str(error)
        return error


def changes(before: Policy, now: Policy) -> list[str]:
    """What differs, by key."""
    pairs = (
        (each.name, getattr(before, each.name), getattr(now, each.name)) for each in fields(now)
    )
    return [
        f"{name.removesuffix('_bytes')} was {_shown(old)}, is {_shown(new)}"
        for name, old, new in pairs
        if old != new
    ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return str(list(value))
    return str(value).lower() if isinstance(value, bool) else str(value)
