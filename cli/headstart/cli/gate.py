"""`headstart gate`."""

from __future__ import annotations

from pathlib import Path

import click

from headstart.cli.exit_codes import ExitCode
from headstart.cli.results import PROFILES, judged, load_results
from headstart.cli.runs import Runs, runs_options
from headstart.cli.terminal import say

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("gate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN|REPORT.JSON...")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    help="Gates to judge by, all of them hard. Default: those of the experiment file.",
)
@click.option("--strict", is_flag=True, help="Fail also when a variant is deferred.")
@click.option("--junit", type=_FILE, help="File to write as JUnit XML, a test case a gate.")
@click.option(
    "--markdown",
    type=_FILE,
    help="File to append a summary to, such as $GITHUB_STEP_SUMMARY.",
)
@runs_options
def command(
    runs: tuple[str, ...],
    profile: str | None,
    strict: bool,
    junit: Path | None,
    markdown: Path | None,
    collector: Runs,
) -> int:
    """Exit with 1 when a variant of a run is rejected, for CI.

    Each RUN is a run's id or the file of a report as JSON; with several, as of several
    hosts, all must pass.
    """
    from headstart.collector.report.formats.gate import failed, gate_markdown, junit_xml, undecided
    from headstart.collector.report.sentences.text import line

    found = load_results(runs, collector)
    results = [judged(result, profile) for result in found]
    for result in results:
        for each in result.recommendations:
            say(f"{result.experiment} on {result.host}: {each.decision.value}: {each.summary}")
            for sentence in (*each.rationale, *each.missing):
                say(f"  - {line(sentence)}")
    if junit is not None:
        junit.write_text(junit_xml(results))
    if markdown is not None:
        with markdown.open("a") as file:
            file.write(gate_markdown(results))
    missed = any(map(failed, results)) or (strict and any(map(undecided, results)))
    return ExitCode.REJECTED if missed else ExitCode.OK
