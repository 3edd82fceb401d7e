"""What a command exits with, the same for all: docs/EXIT_CODES.md."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Where several hold, 3 comes before 4, and 4 before 1. Signals are 128 + N."""

    # Decided, or undecided and nothing is at fault.
    OK = 0
    # A finding, no fault: a variant is rejected, a gate failed, a host is unfit.
    REJECTED = 1
    # What was given is wrong: a file, a name, an option; nothing was measured.
    WRONG_INPUT = 2
    # We, or what we need, failed; also whatever we did not foresee.
    SYSTEM_FAILED = 3
    # A variant has no usable trial, and neither it nor we are to blame.
    NOT_MEASURED = 4
