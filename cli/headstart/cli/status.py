"""`headstart status`."""

import click

from headstart.cli.client import experiments
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.host_words import host_line
from headstart.cli.json_output import in_words, say_object
from headstart.cli.progress import describe
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import ListHostsRequest, ListRequest


@click.command("status")
@click.option("--experiment", type=Name(), default="", help="Only runs of this experiment.")
@click.option("--host", type=Name(), default="", help="Only runs on this host.")
@click.option("--limit", default=20, show_default=True, help="Newest runs to show.")
@click.option("--json", "as_json", is_flag=True, help="Print hosts and runs as JSON.")
@runs_options
def command(
    experiment: str,
    host: str,
    limit: int,
    as_json: bool,
    collector: Runs,
) -> None:
    """List hosts, and runs with the newest first."""
    with experiments(collector) as stub:
        hosts = stub.ListHosts(ListHostsRequest()).hosts
        runs = stub.List(ListRequest(experiment=experiment, host=host, limit=limit)).runs
    if as_json:
        found = {
            "hosts": [in_words(state) for state in hosts],
            "runs": [in_words(run) for run in runs],
        }
        say_object(found)
        return
    for state in hosts:
        say(host_line(state))
    if hosts and runs:
        say()
    for run in runs:
        say(f"{run.run_id}  {describe(run)}")
    if not hosts:
        say("no agent has attended this collector yet", err=True)
