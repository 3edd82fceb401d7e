"""What `headstart --help` and the help of each command show."""

import inspect
import re
import shlex

import click
import pytest

from headstart.cli.main import COMMANDS, SECTIONS, cli
from support.known_commands import is_known


def test_each_command_stands_under_one_heading() -> None:
    shown = click.Context(cli, info_name="headstart").get_help()

    for heading, commands in SECTIONS.items():
        block = shown.partition(f"\n{heading}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in block.splitlines()] == list(commands)
    assert len(COMMANDS) == sum(map(len, SECTIONS.values()))


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_name_commands_and_options_that_exist(name: str) -> None:
    for command in _with_those_below(name):
        for example in re.findall(r"^headstart .+$", inspect.cleandoc(command.help or ""), re.M):
            assert is_known(shlex.split(example)[1:]), example


def _with_those_below(name: str) -> list[click.Command]:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return [command, *below]
