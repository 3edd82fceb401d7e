"""`headstart report`."""

from pathlib import Path

import click

from headstart.cli.client import experiments, fetch_report, latest_ended
from headstart.cli.errors import InputError
from headstart.cli.formats import REPORTS, listed, suffix
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name, OutputFile, write_output
from headstart.cli.results import read_report
from headstart.cli.terminal import say, say_lines
from headstart.v1.experiments_pb2 import ReportFormat

_SUFFIXES = {suffix(ReportFormat, number): name for name, number in REPORTS.items()}


@click.command("report")
@click.argument("run_id", type=Name(), required=False)
@click.option(
    "--format",
    "name",
    type=click.Choice(["terminal", *REPORTS]),
    help="Default: by the suffix of --output, else terminal.",
)
@click.option(
    "-o", "--output", type=OutputFile(), help=f"File to write, named *{listed(_SUFFIXES)}."
)
@runs_options
def command(
    run_id: str | None,
    name: str | None,
    output: Path | None,
    collector: Runs,
) -> None:
    """Print the report of RUN_ID, or write it to a file.

    Without RUN_ID it is that of the latest run that has ended.

    `build-logs` (.log) is what its builds wrote.
    """
    if name is None:
        name = _SUFFIXES.get(output.suffix, "") if output else "terminal"
        if not name:
            raise InputError(f"{output}: say --format, or end the name in {listed(_SUFFIXES)}")
    with experiments(collector) as stub:
        if run_id is None:
            run_id = latest_ended(stub).run_id
        if name == "terminal":
            print_terminal(fetch_report(stub, run_id, ReportFormat.REPORT_FORMAT_JSON))
            return
        content = fetch_report(stub, run_id, REPORTS[name])
    if output is None:
        say_lines(content.decode("utf-8", "replace"))
    else:
        write_output(output, content)
        say(f"written: {output}", err=True)


def print_terminal(report_json: bytes) -> None:
    """The terminal's form of a report that came as JSON."""
    from rich.console import Console

    from headstart.collector.report.formats.terminal_report import print_result

    print_result(read_report(report_json), Console())
