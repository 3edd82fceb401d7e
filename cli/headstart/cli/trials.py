"""`headstart trials`."""

import click

from headstart.cli.errors import InputError
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.terminal import say


@click.command("trials")
@click.argument("run_id", type=Name(), required=False)
@click.option("--variant", type=Name(), help="Only the trials of this variant.")
@click.option("--trial", "number", type=click.IntRange(min=1), help="One trial, in detail.")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known as JSON.")
@runs_options
def command(
    run_id: str | None,
    variant: str | None,
    number: int | None,
    as_json: bool,
    collector: Runs,
) -> None:
    """List the trials of RUN_ID: outcome, flags, startup, and how each start went.

    Without RUN_ID it is the latest run that has ended; of a run that goes on, what has ended.
    Times of a start are counted from exec: what comes before it is below 0.
    """
    # Late: neither help nor a wrong option waits for it.
    from headstart.cli import trial_words
    from headstart.cli.client import experiments, latest_ended
    from headstart.cli.json_output import say_object
    from headstart.v1.experiments_pb2 import GetRequest

    with experiments(collector) as stub:
        run_id = run_id or latest_ended(stub).run_id
        found = stub.Get(GetRequest(run_id=run_id, variant=variant or "", trial=number or 0))
    # An earlier collector answers with all of them.
    trials = [
        each
        for each in found.trials
        if variant in (None, each.variant) and number in (None, each.trial)
    ]
    if not trials and (variant or number):
        which = f"trial {number}" if number else "trial"
        of = f" of variant '{variant}'" if variant else ""
        raise InputError(f"run {found.run.run_id} has no {which}{of} that has ended")
    if as_json:
        whole = {
            "run_id": found.run.run_id,
            "trials": [trial_words.as_json(each) for each in trials],
        }
        say_object(whole)
    elif number is not None:
        say(*trial_words.detail(trials[0]))
    else:
        say(f"run {found.run.run_id}: {found.run.experiment} on {found.run.host}", "")
        say(*trial_words.table(trials))
