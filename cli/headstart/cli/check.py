"""`headstart check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli import data_folder
from headstart.cli.exit_codes import ExitCode
from headstart.cli.terminal import say

if TYPE_CHECKING:
    from headstart.cli.check_here import Checked


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def command(file: Path, as_json: bool) -> int:
    """Say what keeps the experiment in FILE from being measured on this machine.

    Images, programs, ports, CPUs, load drivers, limits: all at once, each with its line in
    the file, by the code that a run uses. Nothing is started and nothing is pulled. Exit code
    2 when something is missing. `run` and `aa` do it first.
    """
    # Late: what reads files and looks for what they need takes half a second to import.
    from headstart.cli.check_here import Checked, check_here, read_file
    from headstart.cli.submit import submission
    from headstart.collector.experiments.file import ExperimentProblems

    request = submission(file, "")
    try:
        checked = check_here(request, read_file(request), data_folder.DEFAULT)
    except ExperimentProblems as error:
        checked = Checked(str(file), list(error.problems), [])
    if as_json:
        from headstart.cli.json_output import say_object

        say_object(_as_json(checked))
    else:
        _print(checked)
    return ExitCode.WRONG_INPUT if checked.problems else 0


def _print(checked: Checked) -> None:
    for line in checked.lines():
        say(line)
    for line in checked.warning_lines():
        say(f"warning: {line}")
    if not checked.problems:
        say(f"{checked.file_name}: nothing is missing here; a run takes {checked.time}")


def _as_json(checked: Checked) -> dict[str, object]:
    from headstart.cli.json_output import in_words

    levels = (("error", checked.problems), ("warning", checked.warnings))
    return {
        "file": checked.file_name,
        "ok": not checked.problems,
        "time": checked.time,
        "findings": [
            {"level": level, **in_words(problem)}
            for level, problems in levels
            for problem in problems
        ],
    }
