"""What stood beside the app in every trial, and what it took: never part of the app's figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CompanionTook:
    """What a companion took in the trials of one variant: medians; None: not measured."""

    variant: str
    # Whether these are the trials with load, or those without.
    under_load: bool
    # Those that count: nothing failed in them, and the app answered rightly.
    trials: int
    # From before the app was let go to the end of the trial.
    cpu_seconds: float | None
    # Divided by the right answers under load.
    cpu_seconds_per_answer: float | None
    # At the end of the trial, page cache included.
    memory_bytes: float | None
    memory_peak_bytes: float | None


@dataclass(frozen=True)
class Companion:
    """A service that stood beside the app, the same for every variant."""

    name: str
    image: str
    # Of its image; empty: it was never resolved.
    digest: str
    # Its program with its arguments; empty: not known.
    argv: tuple[str, ...]
    # "trial": made anew for each; "run": one for all trials.
    life: str
    # When it counted as ready, as a clause such as "it listens on port 5432".
    ready_when: str
    # Whether a command put something in before trials.
    seeded: bool
    # As the file states them; 0 and empty: it states none.
    memory_limit_bytes: int
    cpu_limit: float
    cpus: str
    # Median of the times from its making to ready, the seed included; None: not measured.
    ready_seconds: float | None
    # How often it was made.
    starts: int
    # Its processes that the kernel killed for want of memory, over all trials.
    oom_kills: int
    # Why it could not be run at all; empty: it could.
    failure_message: str = ""
    # For each variant, trials with load and those without.
    took: tuple[CompanionTook, ...] = ()
    # A digest of what the file says of it besides its image; secret values are alike there.
    settings: str = ""
