"""How a command ends when it cannot do what it was asked."""

# The gate failed, or a variant is rejected: a finding, not a fault.
REJECTED = 1
WRONG_INPUT = 2
SYSTEM_FAILED = 3


class CommandError(Exception):
    """A message for the person at the terminal, each argument a line, and the exit code."""

    exit_code = SYSTEM_FAILED

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class InputError(CommandError):
    """What was given is wrong: a file, a name, an option."""

    exit_code = WRONG_INPUT
