"""`headstart compare`."""

from pathlib import Path

import click

from headstart.cli.errors import InputError
from headstart.cli.exit_codes import ExitCode
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name, OutputFile
from headstart.cli.results import load_results, write
from headstart.cli.terminal import say_json
from headstart.cli.verdict_code import (
    code_of_findings,
    first_of,
    say_unmeasured,
    strict_option,
    verdict_code,
)


@click.command("compare")
@click.argument("before", type=Name(), metavar="A")
@click.argument("after", type=Name(), metavar="B")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@click.option(
    "--html",
    type=OutputFile(),
    help="File to write the comparison to as a page.",
)
@strict_option
@runs_options
def command(
    before: str,
    after: str,
    as_json: bool,
    html: Path | None,
    strict: bool,
    collector: Runs,
) -> int:
    """Compare run B with run A: two revisions of an experiment, or two hosts.

    A and B are ids of runs or files of reports as JSON. Figures are compared as they
    are only within one fingerprint; across hosts, their ratios to the baseline are. Which of
    them is better is no matter of the exit code: gates are (`headstart gate`).
    """
    from headstart.collector.analysis.across.two_runs import compare_runs
    from headstart.collector.findings import Verdict
    from headstart.collector.findings.comparability import Incomparable

    first, second = load_results((before, after), collector)
    try:
        found = compare_runs(first, second)
    except Incomparable as error:
        raise InputError(str(error)) from error
    if html is not None:
        from headstart.collector.report.formats.comparison_html import across_html

        write(html, across_html(found))
    if as_json:
        from headstart.collector.report.formats.two_runs import across_json

        say_json(across_json(found))
    else:
        from rich.console import Console

        from headstart.collector.report.formats.two_runs import print_across

        print_across(found, Console())
    say_unmeasured((first, second))
    # What a gate says of either is not asked here.
    codes = [c for c in map(verdict_code, (first, second)) if c is not ExitCode.REJECTED]
    open_verdicts = (Verdict.INCONCLUSIVE, Verdict.UNAVAILABLE)
    decided = bool(found.changes) and all(c.verdict not in open_verdicts for c in found.changes)
    return first_of((*codes, code_of_findings(fine=True, decided=decided, strict=strict)))
