"""`headstart gate`."""

from __future__ import annotations

from pathlib import Path

import click

from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name, OutputFile, write_output
from headstart.cli.results import judged, load_results
from headstart.cli.terminal import say
from headstart.cli.verdict_code import first_of, say_unmeasured, strict_option, verdict_code
from headstart.words.gate_profiles import GateProfile

_FILE = OutputFile()


@click.command("gate")
@click.argument("runs", type=Name(), nargs=-1, metavar="[RUN|REPORT.JSON...]")
@click.option(
    "--profile",
    type=click.Choice([each.value for each in GateProfile]),
    help="Gates to judge by, all of them hard. Default: those of the experiment file.",
)
@strict_option
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
    """Exit with 1 when a variant of a run is rejected, with 4 when one was not measured, for CI.

    Each RUN is a run's id or the file of a report as JSON; with several, as of several
    hosts, all must pass. Without one it is the latest run that has ended.
    """
    from headstart.collector.report.formats.gate import gate_markdown, junit_xml
    from headstart.collector.report.sentences.text import line

    found = load_results(runs, collector)
    results = [judged(result, profile) for result in found]
    for result in results:
        for each in result.recommendations:
            say(f"{result.experiment} on {result.host.name}: {each.decision.value}: {each.summary}")
            for sentence in (*each.rationale, *each.missing):
                say(f"  - {line(sentence)}")
    if junit is not None:
        write_output(junit, junit_xml(results).encode())
    if markdown is not None:
        write_output(markdown, gate_markdown(results).encode(), append=True)
    say_unmeasured(results)
    return first_of(verdict_code(result, strict) for result in results)
