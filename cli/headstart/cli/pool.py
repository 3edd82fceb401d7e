"""`headstart pool`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli.client import experiments
from headstart.cli.errors import InputError
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name, OutputFile
from headstart.cli.results import judged, load_results, write
from headstart.cli.terminal import say, say_json
from headstart.cli.verdict_code import (
    code_of_findings,
    first_of,
    say_unmeasured,
    strict_option,
    verdict_code,
)
from headstart.words.gate_profiles import GateProfile

if TYPE_CHECKING:
    from headstart.cli.latest import Latest

_FILE = OutputFile()
# As many as a collector lists at once.
_LISTED = 1000


@click.command("pool")
@click.argument("runs", type=Name(), nargs=-1, metavar="[RUN|REPORT.JSON...]")
@click.option(
    "--experiment",
    type=Name(),
    help="Instead of runs: the latest of this experiment that ended on each host, all of one "
    "revision.",
)
@click.option(
    "--revision",
    help="With --experiment: which. Default: that of the latest run that has ended.",
)
@click.option(
    "--profile",
    type=click.Choice([each.value for each in GateProfile]),
    help="Gates to judge by, all of them hard. Default: those of the experiment file.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
@click.option(
    "--markdown",
    type=_FILE,
    help="File to append a summary to, such as $GITHUB_STEP_SUMMARY.",
)
@click.option("--html", type=_FILE, help="File to write a page with plots to.")
@strict_option
@runs_options
def command(
    runs: tuple[str, ...],
    experiment: str | None,
    revision: str | None,
    profile: str | None,
    as_json: bool,
    markdown: Path | None,
    html: Path | None,
    strict: bool,
    collector: Runs,
) -> int:
    """One answer from an experiment's runs on several hosts.

    Each RUN is a run's id or the file of a report as JSON, one of each host. Ratios to the
    baseline are pooled, figures never are. Exits with 1 when any host rejects a variant.
    """
    from headstart.collector.analysis.across.several_hosts import across_hosts
    from headstart.collector.findings import Decision
    from headstart.collector.findings.comparability import Incomparable

    pending: tuple[str, ...] = ()
    if bool(runs) == bool(experiment):
        raise InputError("name runs or files of reports, or --experiment")
    if revision is not None and not experiment:
        raise InputError("--revision goes with --experiment")
    if experiment:
        latest = _latest(experiment, revision, collector)
        runs, pending = latest.run_ids, latest.pending
        for clause in latest.passed_over:
            say(f"headstart: {clause}", err=True)
    results = load_results(runs, collector)
    judged_results = [judged(result, profile) for result in results]
    try:
        found = across_hosts(judged_results, pending)
    except Incomparable as error:
        raise InputError(str(error)) from error
    if markdown is not None:
        from headstart.collector.report.formats.several_hosts import hosts_markdown

        write(markdown, hosts_markdown(found), append=True)
    if html is not None:
        from headstart.collector.report.formats.comparison_html import hosts_html

        write(html, hosts_html(found))
    if as_json:
        from headstart.collector.report.formats.several_hosts import hosts_json

        say_json(hosts_json(found))
    else:
        from rich.console import Console

        from headstart.collector.report.formats.several_hosts import print_hosts

        print_hosts(found, Console())
    say_unmeasured(judged_results)
    decisions = {each.decision for each in found.recommendations}
    rejects = Decision.REJECT in decisions
    jointly = code_of_findings(
        fine=not rejects, decided=rejects or decisions == {Decision.PROCEED}, strict=strict
    )
    return first_of((*map(verdict_code, judged_results), jointly))


def _latest(experiment: str, revision: str | None, collector: Runs) -> Latest:
    from headstart.cli.latest import latest_of_each_host
    from headstart.v1.experiments_pb2 import ListRequest

    with experiments(collector) as stub:
        runs = stub.List(ListRequest(experiment=experiment, limit=_LISTED)).runs
    latest = latest_of_each_host(runs, revision)
    if latest is None:
        of = f" of revision {revision}" if revision is not None else ""
        raise InputError(f"no run of the experiment {experiment}{of} has ended")
    return latest
