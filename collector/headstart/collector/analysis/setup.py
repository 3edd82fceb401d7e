"""What two runs must have in common for their figures to be set side by side."""

import hashlib

from headstart.collector.results import RunResult

_LIMITS = ("server ", "load on", "load not", "memory limit", "CPU limit", "page cache", "network")


def limits_of(run: RunResult) -> list[str]:
    """The plan's facts that bound what a variant gets, as sentences."""
    return [fact for fact in run.plan_description if fact.startswith(_LIMITS)]


def setup_of(run: RunResult, under_load: bool) -> str:
    """A short digest over limits and, for figures taken under it, load and its generator."""
    facts = [*limits_of(run), run.load_description if under_load else ""]
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()[:12]
