"""What a command exits with, the same for all: docs/EXIT_CODES.md."""

from enum import IntEnum

# The commands that judge runs, so that 1 and 4 may come of what was measured.
JUDGING = ("run", "aa", "try", "watch", "submit", "gate", "compare", "pool")


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


# What --help says and docs/EXIT_CODES.md repeats; with the latter's second column.
MEANINGS = {
    ExitCode.OK: "decided, or undecided without fault",
    ExitCode.REJECTED: "a variant is rejected, a gate failed, or the host is unfit",
    ExitCode.WRONG_INPUT: "wrong input, told before anything is measured",
    ExitCode.SYSTEM_FAILED: "the system failed",
    ExitCode.NOT_MEASURED: "a variant was not measured, and it is not to blame",
}
SIGNALS = {130: "SIGINT", 143: "SIGTERM", 129: "SIGHUP"}


def help_table() -> str:
    """For the end of `headstart --help`."""
    codes = "; ".join(f"{code.value} {meaning}" for code, meaning in MEANINGS.items())
    signals = ", ".join(f"{code} {name}" for code, name in SIGNALS.items())
    return f"Exit codes: {codes}; {signals}. 3 comes before 4, and 4 before 1: docs/EXIT_CODES.md."


def help_line(command: str) -> str:
    """For the end of a command's own --help; empty where 0, 2 and 3 are all there is."""
    if command not in JUDGING:
        return ""
    found = "1 the host is unfit" if command == "aa" else "1 reject"
    if command == "compare":
        found = "1 undecided with --strict"
    return (
        f"Exit codes: 0 fine, {found}, 2 wrong input, 3 the system failed, 4 a variant was not "
        "measured: docs/EXIT_CODES.md."
    )
