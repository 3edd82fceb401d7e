"""What an error of a database means to whoever asked for something: one of three kinds.

Each database sorts its own (`sqlite.kind_of`, `postgresql_faults.kind_of`); `database.kind_of`
asks the right one.
"""

from enum import Enum, auto


class FaultKind(Enum):
    """What trying again is good for."""

    # The disk, the server, the way to it, or what somebody else does there: waited for.
    AWAY = auto()
    # What is stored: StoreDamaged. Trying again changes nothing.
    DAMAGED = auto()
    # The statement: its own error, never tried again.
    WRONG = auto()
