"""`headstart report`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from headstart.cli.client import experiments, fetch_report, latest_ended
from headstart.cli.errors import InputError
from headstart.cli.formats import REPORTS, listed, suffix
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name, OutputFile, write_output
from headstart.cli.results import load_results, read_report
from headstart.cli.terminal import say, say_lines
from headstart.v1.experiments_pb2 import ReportFormat

_SUFFIXES = {suffix(ReportFormat, number): name for name, number in REPORTS.items()}
# Of several runs, so that no collector is asked for it.
_DECISION = "decision"


@click.command("report")
@click.argument("runs", type=Name(), nargs=-1, metavar="[RUN_ID...]")
@click.option(
    "--format",
    "name",
    type=click.Choice(["terminal", *REPORTS, _DECISION]),
    help="Default: by the suffix of --output, else terminal.",
)
@click.option(
    "-o", "--output", type=OutputFile(), help=f"File to write, named *{listed(_SUFFIXES)}."
)
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    metavar="TITLE=EXPERIMENT,...",
    help="With decision: experiments that are about one thing; the first is judged. Repeatable.",
)
@click.option("--title", default="", help="With decision: of the document.")
@runs_options
def command(
    runs: tuple[str, ...],
    name: str | None,
    output: Path | None,
    subjects: tuple[str, ...],
    title: str,
    collector: Runs,
) -> None:
    """Print the report of RUN_ID, or write it to a file.

    Without RUN_ID it is that of the latest run that has ended.

    `build-logs` (.log) is what its builds wrote. `decision` joins the runs of an assessment, ids or
    files of reports as JSON, into a record to commit:

    headstart report app.json probes.json --format decision
    """
    if name is None:
        name = _SUFFIXES.get(output.suffix, "") if output else "terminal"
        if not name:
            raise InputError(f"{output}: say --format, or end the name in {listed(_SUFFIXES)}")
    if name == _DECISION:
        content = _decision(runs, subjects, title, collector)
    else:
        run_id = _only(runs, name, subjects, title)
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


def _only(runs: Sequence[str], name: str, subjects: Sequence[str], title: str) -> str | None:
    """The one run that every other format is of; None: the latest."""
    if subjects or title:
        raise InputError(f"--subject and --title go with --format {_DECISION}")
    if len(runs) > 1:
        raise InputError(
            f"--format {name} is of one run, found {len(runs)}; `{_DECISION}` joins several"
        )
    return runs[0] if runs else None


def _decision(runs: Sequence[str], subjects: Sequence[str], title: str, collector: Runs) -> bytes:
    from headstart.collector.analysis.across.assessment import assess
    from headstart.collector.findings.comparability import Incomparable
    from headstart.collector.report.formats.assessment_markdown import assessment_markdown

    if not runs:
        raise InputError("name the runs of the assessment; expected RUN_ID or REPORT.JSON of each")
    titled = _subjects(subjects)
    try:
        found = assess(load_results(runs, collector), titled)
    except Incomparable as error:
        raise InputError(*str(error).split("\n")) from error
    return assessment_markdown(found, title).encode()


def _subjects(given: Sequence[str]) -> dict[str, list[str]]:
    found = {}
    for each in given:
        title, equals, names = each.rpartition("=")
        experiments_named = [name.strip() for name in names.split(",")]
        if not equals or not title.strip() or not all(experiments_named):
            raise InputError(
                f"--subject: expected TITLE=EXPERIMENT,..., found {each!r}, such as "
                "'the app as it stands=squad,squad-probes'"
            )
        if title.strip() in found:
            raise InputError(f"--subject: {title.strip()!r} is said twice; expected each once")
        found[title.strip()] = experiments_named
    return found


def print_terminal(report_json: bytes) -> None:
    """The terminal's form of a report that came as JSON."""
    from rich.console import Console

    from headstart.collector.report.formats.terminal_report import print_result

    print_result(read_report(report_json), Console())
