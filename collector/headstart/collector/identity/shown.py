"""What a certificate says that somebody shows."""

from dataclasses import dataclass

from headstart.words.roles import Identity

# A certificate of the own authority begins up to so much before it is given: clocks differ.
BEGINS_EARLIER_SECONDS = 300.0


@dataclass(frozen=True)
class Shown:
    """What is read of a certificate."""

    serial: str
    names: tuple[str, ...]
    begins: float
    expires: float
    # Of the own authority alone.
    identity: Identity | None
