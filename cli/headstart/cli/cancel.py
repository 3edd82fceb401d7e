"""`headstart cancel`."""

import difflib
from collections.abc import Iterator, Mapping
from typing import cast

import click
import grpc

from headstart.cli.agent_options import parse_labels
from headstart.cli.client import experiments
from headstart.cli.errors import InputError
from headstart.cli.found_hosts import all_hosts, host_named
from headstart.cli.found_runs import Runs, runs_options
from headstart.cli.given import Name
from headstart.cli.json_output import in_words, say_object
from headstart.cli.progress import describe
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import (
    CancelRequest,
    ListRequest,
    RunState,
    RunSummary,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub

_QUEUED = RunState.RUN_STATE_QUEUED
_LEASED = RunState.RUN_STATE_LEASED
# As many as a collector lists at once.
_LISTED = 1000


@click.command("cancel")
@click.argument("runs", type=Name(), nargs=-1, metavar="[RUN...]")
@click.option("--experiment", type=Name(), default="", help="Instead: the runs of this experiment.")
@click.option("--host", type=Name(), default="", help="Instead: the runs on this host.")
@click.option(
    "--label",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    help="Instead: the runs on hosts with this label; may be repeated.",
)
@click.option("--queued", is_flag=True, help="Only those that no agent has begun.")
@click.option("--reason", default="cancelled by hand", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print the runs as JSON.")
@runs_options
def command(
    runs: tuple[str, ...],
    experiment: str,
    host: str,
    pairs: tuple[str, ...],
    queued: bool,
    reason: str,
    as_json: bool,
    collector: Runs,
) -> None:
    """Stop each RUN: the agent cleans up and delivers what it has.

    headstart cancel --experiment players-api --queued

    With several of --experiment, --host and --label: the runs to which all of them apply.
    """
    labels = parse_labels(pairs)
    selecting = bool(experiment or host or labels)
    if bool(runs) == selecting:
        raise InputError("name runs, or say which by --experiment, --host or --label")
    ended: list[RunSummary] = []
    with experiments(collector) as stub:
        found: Iterator[str] = iter(runs)
        if selecting:
            found = _selected(stub, experiment, host, labels, queued)
        for run_id in found:
            request = CancelRequest(run_id=run_id, reason=reason, only_queued=queued)
            ended.append(stub.Cancel(request).run)
            if not as_json:
                say(_line(ended[-1], queued))
        if not ended:
            _ask_leave(stub)
            _require_known(stub, experiment, host)
    if as_json:
        say_object({"runs": [in_words(run) for run in ended]})
    elif not ended:
        say("no run waits or goes on to which this applies", err=True)
    elif len(ended) > 1:
        say(_sum(ended, queued), err=True)


def _ask_leave(stub: ExperimentsServiceStub) -> None:
    """Whoever may not cancel is refused, also where there is nothing to cancel."""
    try:
        stub.Cancel(CancelRequest())
    except grpc.RpcError as error:
        # An earlier collector looks for the run after it looked at the caller.
        if cast("grpc.Call", error).code() is not grpc.StatusCode.NOT_FOUND:
            raise


def _require_known(stub: ExperimentsServiceStub, experiment: str, host: str) -> None:
    """Raises InputError: what never was is a typing error, and no success."""
    if host and host_named(stub, host) is None:
        names = [state.host.host for state in all_hosts(stub)]
        near = difflib.get_close_matches(host, names, 1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise InputError(f"there is no host '{host}'{hint}")
    if experiment and not stub.List(ListRequest(experiment=experiment, limit=1)).runs:
        raise InputError(f"there is no run of an experiment '{experiment}'")


def _selected(
    stub: ExperimentsServiceStub,
    experiment: str,
    host: str,
    labels: Mapping[str, str],
    queued: bool,
) -> Iterator[str]:
    """Each once, host by host."""
    for name in _hosts(stub, host, labels):
        yield from _of_host(stub, experiment, name, queued)


def _of_host(
    stub: ExperimentsServiceStub, experiment: str, host: str, queued: bool
) -> Iterator[str]:
    """A list that is full is asked for again when those in it were given."""
    states = (_QUEUED,) if queued else (_QUEUED, _LEASED)
    given: set[str] = set()
    while True:
        request = ListRequest(experiment=experiment, host=host, states=states, limit=_LISTED)
        listed = stub.List(request).runs
        new = [run for run in listed if run.run_id not in given]
        # What waits first: else the end of one that goes on would let it begin.
        for run in sorted(new, key=lambda run: (run.state != _QUEUED, run.run_id)):
            given.add(run.run_id)
            yield run.run_id
        if len(listed) < _LISTED or not new:
            return


def _hosts(stub: ExperimentsServiceStub, host: str, labels: Mapping[str, str]) -> list[str]:
    """Empty stands for all of them."""
    if not labels:
        return [host]
    hosts = [
        state.host.host
        for state in all_hosts(stub)
        if host in ("", state.host.host)
        and all(state.host.labels.get(name) == value for name, value in labels.items())
    ]
    if not hosts:
        words = ", ".join(f"{name}={value}" for name, value in labels.items())
        raise InputError(f"no host{f' {host}' if host else ''} has the labels {words}")
    return hosts


def _line(run: RunSummary, queued: bool) -> str:
    if run.state != _LEASED:
        return f"{run.run_id}  {describe(run)}"
    what = "goes on, an agent has begun it" if queued else "its agent is told to end it"
    return f"{run.run_id}  {run.experiment} on {run.host}: {what}"


def _sum(ended: list[RunSummary], queued: bool) -> str:
    over = sum(run.state == RunState.RUN_STATE_CANCELLED for run in ended)
    told = sum(run.state == _LEASED for run in ended)
    going = f"{told} go on" if queued else f"{told} told to end"
    return f"{len(ended)} runs: {over} cancelled, {going}"
