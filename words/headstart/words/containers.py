"""The containers of an experiment: of its variants, and those that stand beside them.

What is said of a variant's container (image, environment, needs) is said of these in the same
words, so that whoever asks what may run, is pulled or is secret asks for all of them here.
Any object with the fields of the messages will do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

COMPANION_PREFIX = "beside."
CHECK_PREFIX = "check."
# Of an experiment; each is started before every trial.
MOST_COMPANIONS = 8
# What the seed of one reads, and how long it, and getting ready, may take.
LARGEST_SEED_BYTES = 64 * 1024
LONGEST_COMPANION_SECONDS = 3600


@dataclass(frozen=True)
class Placed:
    """A container, as a `Variant`, and where the experiment file has it."""

    path: tuple[str | int, ...]
    container: Any


def companions_of(experiment: Any) -> Iterator[Placed]:
    """Those that stand beside the app, in their order."""
    for companion in experiment.beside:
        yield Placed(("beside", companion.name), companion.container)


def checks_of(experiment: Any) -> Iterator[Placed]:
    """Checks that are containers, in their order."""
    for number, check in enumerate(experiment.service.checks):
        if check.HasField("container"):
            yield Placed(("service", "checks", number), check.container.container)


def others_of(experiment: Any) -> Iterator[Placed]:
    """All that are not variants."""
    yield from companions_of(experiment)
    yield from checks_of(experiment)


def containers_of(experiment: Any) -> Iterator[Placed]:
    """All variants, commands too, and all others."""
    for variant in experiment.variants:
        yield Placed(("variants", variant.name), variant)
    yield from others_of(experiment)


def other_names(experiment: Any) -> list[str]:
    """What the containers that are not variants must be called, in the order of `others_of`."""
    checks = enumerate(experiment.service.checks, 1)
    return [
        *(f"{COMPANION_PREFIX}{companion.name}" for companion in experiment.beside),
        *(f"{CHECK_PREFIX}{number}" for number, check in checks if check.HasField("container")),
    ]
