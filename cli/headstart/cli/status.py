"""`headstart status`."""

from collections.abc import Iterator, Sequence

import click

from headstart.cli.client import experiments
from headstart.cli.errors import CommandError, InputError
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.host_words import host_line, takes_none
from headstart.cli.json_output import in_words, say_object
from headstart.cli.progress import describe
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import (
    HostState,
    ListHostsRequest,
    ListRequest,
    ListResponse,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

_DEFAULT_LIMIT = 20
# More lines of hosts than this hide the runs.
_MOST_HOSTS = 20
# As many as a collector lists at once.
_LARGEST_LIMIT = 1000
# Of --all: well within a message, whatever their agents say.
_PAGE = 500


@click.command("status")
@click.option("--experiment", type=Name(), default="", help="Only runs of this experiment.")
@click.option("--host", type=Name(), default="", help="Only runs on this host.")
@click.option(
    "--limit",
    type=click.IntRange(1, _LARGEST_LIMIT),
    help=f"Newest runs to show.  [default: {_DEFAULT_LIMIT}]",
)
@click.option(
    "--before", type=Name(), default="", metavar="RUN", help="Only runs that are older than RUN."
)
@click.option("--all", "everything", is_flag=True, help="Every run and every host.")
@click.option("--json", "as_json", is_flag=True, help="Print hosts and runs as JSON.")
@runs_options
def command(
    experiment: str,
    host: str,
    limit: int | None,
    before: str,
    everything: bool,
    as_json: bool,
    collector: Runs,
) -> None:
    """List hosts, and runs with the newest first.

    Of many hosts those come first that are away or take no run, and the last line says how to see
    the others. With --before only runs are listed.
    """
    if everything and limit is not None:
        raise InputError("--all and --limit exclude each other")
    asked = ListRequest(
        experiment=experiment,
        host=host,
        limit=_PAGE if everything else limit or _DEFAULT_LIMIT,
        before_run_id=before,
    )
    with experiments(collector) as stub:
        hosts = stub.ListHosts(ListHostsRequest()).hosts
        pages = _pages(stub, asked, everything)
        if as_json:
            _say_json(hosts, list(pages))
            return
        if not before:
            _say_hosts(hosts, everything)
        for number, page in enumerate(pages):
            if hosts and page.runs and number == 0 and not before:
                say()
            for run in page.runs:
                say(f"{run.run_id}  {describe(run)}")
            if page.older_runs and not everything:
                older = "1 older run" if page.older_runs == 1 else f"{page.older_runs:,} older runs"
                say(f"{older}: --before {page.runs[-1].run_id}, or --all", err=True)
    if not hosts:
        say("no agent has attended this collector yet", err=True)


def _pages(
    stub: ExperimentsServiceStub, asked: ListRequest, everything: bool
) -> Iterator[ListResponse]:
    """One, or all that there are from it on."""
    while True:
        page = stub.List(asked)
        if not page.HasField("older_runs") and (
            asked.before_run_id or (everything and len(page.runs) >= _PAGE)
        ):
            raise CommandError(
                f"the collector is older than this command: it lists the newest {_LARGEST_LIMIT} "
                f"runs (--limit {_LARGEST_LIMIT}), and none that are older than a run"
            )
        yield page
        if not (everything and page.older_runs and page.runs):
            return
        asked.before_run_id = page.runs[-1].run_id


def _say_hosts(hosts: Sequence[HostState], everything: bool) -> None:
    shown = hosts
    if len(hosts) > _MOST_HOSTS and not everything:
        shown = sorted(hosts, key=_is_well)[:_MOST_HOSTS]
    for state in shown:
        say(host_line(state))
    if len(shown) == len(hosts):
        return
    away = sum(not state.connected for state in hosts)
    idle = sum(state.connected and any(takes_none(state)) for state in hosts)
    say(
        f"{len(hosts) - len(shown):,} more of {len(hosts):,} hosts, of which {away:,} are away and "
        f"{idle:,} take no run: headstart host list, or --all",
        err=True,
    )


def _is_well(state: HostState) -> bool:
    return state.connected and not any(takes_none(state))


def _say_json(hosts: Sequence[HostState], pages: Sequence[ListResponse]) -> None:
    found = {
        "hosts": [in_words(state) for state in hosts],
        "runs": [in_words(run) for page in pages for run in page.runs],
        "older_runs": pages[-1].older_runs,
    }
    say_object(found)
