"""`headstart watch`."""

import click

from headstart.cli.client import experiments, follow
from headstart.cli.exit_codes import ExitCode
from headstart.cli.progress import ProgressLines
from headstart.cli.runs import Runs, runs_options
from headstart.v1.experiments_pb2 import RunState


@click.command("watch")
@click.argument("run_id")
@runs_options
def command(
    run_id: str,
    collector: Runs,
) -> int:
    """Follow RUN_ID until it ended; exit code 3 when it did not end well."""
    lines = ProgressLines()
    try:
        with experiments(collector) as stub:
            ended = follow(stub, run_id, lines.show)
    finally:
        lines.close()
    done = ended.state == RunState.RUN_STATE_DONE
    return ExitCode.OK if done else ExitCode.SYSTEM_FAILED
