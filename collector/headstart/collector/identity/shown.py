"""What a certificate says that somebody shows."""

from dataclasses import dataclass

from headstart.words.roles import Identity


@dataclass(frozen=True)
class Shown:
    """What is read of a certificate."""

    serial: str
    names: tuple[str, ...]
    expires: float
    # Of the own authority alone.
    identity: Identity | None
