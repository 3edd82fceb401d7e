"""How a command ends when it cannot do what it was asked."""

from headstart.cli.exit_codes import ExitCode


class CommandError(Exception):
    """A message for the person at the terminal, each argument a line, and the exit code."""

    exit_code: ExitCode = ExitCode.SYSTEM_FAILED

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)
        self.lines = lines

    def __str__(self) -> str:
        return "\n".join(self.lines)


class Busy(CommandError):
    """Something else is measured, and this was not to wait: nobody is to blame."""

    exit_code: ExitCode = ExitCode.NOT_MEASURED


class InputError(CommandError):
    """What was given is wrong: a file, a name, an option."""

    exit_code = ExitCode.WRONG_INPUT
