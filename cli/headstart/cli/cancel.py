"""`headstart cancel`."""

import click

from headstart.cli.client import experiments
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.progress import describe
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import CancelRequest


@click.command("cancel")
@click.argument("run_id", type=Name())
@click.option("--reason", default="cancelled by hand", show_default=True)
@runs_options
def command(
    run_id: str,
    reason: str,
    collector: Runs,
) -> None:
    """Stop RUN_ID: the agent cleans up and delivers what it has."""
    with experiments(collector) as stub:
        run = stub.Cancel(CancelRequest(run_id=run_id, reason=reason)).run
    say(describe(run))
