"""`headstart watch`."""

import click

from headstart.cli.aa_status import say_aa_status
from headstart.cli.client import experiments, fetch_report, follow
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.progress import ProgressLines
from headstart.cli.results import read_report
from headstart.cli.verdict_code import say_unmeasured, strict_option, verdict_code
from headstart.v1.experiments_pb2 import ReportFormat


@click.command("watch")
@click.argument("run_id", type=Name())
@strict_option
@runs_options
def command(
    run_id: str,
    strict: bool,
    collector: Runs,
) -> int:
    """Follow RUN_ID until it ended; exit with what it found, as `headstart run` does."""
    lines = ProgressLines()
    with experiments(collector) as stub:
        try:
            ended = follow(stub, run_id, lines.show)
        finally:
            lines.close()
        content = fetch_report(stub, ended.run_id, ReportFormat.REPORT_FORMAT_JSON)
    result = read_report(content)
    if result.aa:
        say_aa_status(result)
    say_unmeasured([result])
    return verdict_code(result, strict)
