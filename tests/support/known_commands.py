"""Whether a command line that a document or a help shows is one."""

import click

from headstart.cli.main import cli


def is_known(words: list[str]) -> bool:
    """Whether there is such a command with the long options in `words`, without `headstart`."""
    command: click.Command = cli
    words = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words.pop(0))
        if found is None:
            return False
        command = found
    options = {each for parameter in command.params for each in parameter.opts}
    return all(word.partition("=")[0] in options for word in words if word.startswith("--"))
