"""`headstart gate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli.client import collector_options
from headstart.cli.results import load_results

if TYPE_CHECKING:
    from headstart.collector.results import RunResult

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("gate")
@click.argument("runs", nargs=-1, required=True, metavar="RUN|REPORT.JSON...")
@click.option(
    "--profile",
    type=click.Choice(["native-aot-api", "native-aot-service", "ci-default"]),
    help="Gates to judge by, all of them hard. Default: those of the experiment file.",
)
@click.option("--strict", is_flag=True, help="Fail also when a variant is deferred.")
@click.option("--junit", type=_FILE, help="File to write as JUnit XML, a test case a gate.")
@click.option(
    "--markdown",
    type=_FILE,
    help="File to append a summary to, such as $GITHUB_STEP_SUMMARY.",
)
@collector_options
def command(
    runs: tuple[str, ...],
    profile: str | None,
    strict: bool,
    junit: Path | None,
    markdown: Path | None,
    target: str,
    tls_authority: Path | None,
    tls_certificate: Path | None,
    tls_key: Path | None,
) -> int:
    """Exit with 1 when a variant of a run is rejected, for CI.

    Each RUN is a run's id or the file of a report as JSON; with several, as of several
    hosts, all must pass.
    """
    from headstart.collector.report.gate import failed, gate_markdown, junit_xml, undecided
    from headstart.collector.report.text import line

    found = load_results(runs, target, tls_authority, tls_certificate, tls_key)
    results = [_judged(result, profile) for result in found]
    for result in results:
        for each in result.recommendations:
            click.echo(
                f"{result.experiment} on {result.host}: {each.decision.value}: {each.summary}"
            )
            for sentence in (*each.rationale, *each.missing):
                click.echo(f"  - {line(sentence)}")
    if junit is not None:
        junit.write_text(junit_xml(results))
    if markdown is not None:
        with markdown.open("a") as file:
            file.write(gate_markdown(results))
    missed = any(map(failed, results)) or (strict and any(map(undecided, results)))
    return int(missed)


def _judged(result: RunResult, profile: str | None) -> RunResult:
    """By the profile that is named, else by the gates of the file."""
    from headstart.collector.analysis.gates import CI_DEFAULT, known_subjects, profile_limits
    from headstart.collector.analysis.recommendation import with_recommendations

    if profile is None and result.recommendations:
        return result
    margins = {c.metric: c.margin for c in result.comparisons}
    # A report of an earlier version has no recommendation, and nobody stated its gates.
    limits = profile_limits(
        profile or CI_DEFAULT, known_subjects(result), margins, hard=profile is not None
    )
    return with_recommendations(result, profile or f"{CI_DEFAULT}, the default", limits)
