"""`headstart watch`."""

import click

from headstart.cli.away_hosts import WithHosts
from headstart.cli.client import experiments
from headstart.cli.ended_runs import code_of_runs
from headstart.cli.errors import InputError
from headstart.cli.following import follow_all
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.progress import ProgressLines
from headstart.cli.several_lines import SeveralLines
from headstart.cli.terminal import say
from headstart.cli.verdict_code import strict_option
from headstart.v1.experiments_pb2 import ListRequest, RunState

# As many as a collector lists, and lets watch, at once.
_LISTED = 1000


@click.command("watch")
@click.argument("runs", type=Name(), nargs=-1, metavar="[RUN...]")
@click.option("--experiment", type=Name(), help="Instead: its runs that have not ended.")
@strict_option
@runs_options
def command(
    runs: tuple[str, ...],
    experiment: str | None,
    strict: bool,
    collector: Runs,
) -> int:
    """Follow each RUN until all ended; exit with what they found, as `headstart run` does.

    A collector that is started anew meanwhile is waited for, ten minutes at most.
    """
    if bool(runs) == bool(experiment):
        raise InputError("name runs, or --experiment")
    if experiment:
        runs = _going_on(experiment, collector)
    lines = ProgressLines() if len(runs) == 1 else SeveralLines()
    try:
        with WithHosts(collector.reached(), lines) as shown:
            ended = follow_all(collector, runs, shown.show)
    except KeyboardInterrupt:
        lines.close()
        say("headstart: whatever has not ended goes on; `headstart cancel` ends it", err=True)
        raise
    finally:
        lines.close()
    return code_of_runs(collector, ended, strict)


def _going_on(experiment: str, collector: Runs) -> tuple[str, ...]:
    states = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)
    with experiments(collector) as stub:
        listed = stub.List(ListRequest(experiment=experiment, states=states, limit=_LISTED)).runs
    if not listed:
        raise InputError(f"no run of the experiment {experiment} waits or goes on")
    return tuple(sorted(run.run_id for run in listed))
