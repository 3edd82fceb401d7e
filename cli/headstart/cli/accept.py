"""`headstart accept`."""

import click

from headstart.cli.client import experiments
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import AcceptShiftRequest


@click.command("accept")
@click.argument("shift", type=click.IntRange(min=1))
@click.option("--reason", default="", help="Why; shown in the history.")
@runs_options
def command(
    shift: int,
    reason: str,
    collector: Runs,
) -> None:
    """End an open SHIFT, by its number in `headstart history`: no alert, a new level.

    Later revisions are judged by the new level as soon as it has points enough.
    """
    with experiments(collector) as stub:
        stub.AcceptShift(AcceptShiftRequest(shift_id=shift, reason=reason))
    say(f"shift {shift} is accepted")
