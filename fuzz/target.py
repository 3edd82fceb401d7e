"""What a fuzz target is: a parser, what it may refuse with, and what bounds it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
# By input: a parser that takes longer hangs whoever waits for it.
SECONDS_PER_INPUT = 5
# The whole process; numpy and the instrumentation take a fifth of it.
MEMORY_MIB = 1024


@dataclass(frozen=True)
class Target:
    """One parser. `run` returns or raises one of `refuses`; whatever else it raises is a bug."""

    name: str
    # Whose bytes they are.
    whose: str
    run: Callable[[bytes], None]
    refuses: tuple[type[Exception], ...]
    most_bytes: int

    def __call__(self, data: bytes) -> None:
        """Feed one input."""
        try:
            self.run(data)
        except self.refuses:
            return


class Table:
    """The targets of one module, in the order in which they are written."""

    def __init__(self) -> None:
        self.targets: list[Target] = []

    def add(
        self, whose: str, *refuses: type[Exception], most_bytes: int = 4096
    ) -> Callable[[Callable[[bytes], None]], Callable[[bytes], None]]:
        """Make a function a target; its name is the target's."""

        def added(run: Callable[[bytes], None]) -> Callable[[bytes], None]:
            name = run.__name__.replace("_", "-")
            self.targets.append(Target(name, whose, run, refuses, most_bytes))
            return run

        return added


def require(holds: bool, message: str) -> None:
    """A property that every input must have."""
    if not holds:
        raise AssertionError(message)
