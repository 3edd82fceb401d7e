"""`headstart host`: the hosts of a collector, and what an operator orders of one."""

import click

from headstart.cli.client import experiments
from headstart.cli.connection import Connection, collector_options
from headstart.cli.errors import InputError
from headstart.cli.given import Name
from headstart.cli.host_words import host_facts, host_line
from headstart.cli.json_output import in_words, say_object
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import (
    DrainHostRequest,
    HostState,
    ListHostsRequest,
    ResumeHostRequest,
)

_json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.group("host")
def command() -> None:
    """List hosts, and drain or resume one."""


@command.command("list")
@_json_option
@collector_options
def list_hosts(as_json: bool, collector: Connection) -> None:
    """List the hosts that ever attended, a line each."""
    hosts = _hosts(collector)
    if as_json:
        say_object({"hosts": [in_words(state) for state in hosts]})
        return
    for state in hosts:
        say(host_line(state))
    if not hosts:
        say("no agent has attended this collector yet", err=True)


@command.command("show")
@click.argument("name", type=Name())
@_json_option
@collector_options
def show(name: str, as_json: bool, collector: Connection) -> None:
    """Show what is known of the host NAME."""
    found = next((each for each in _hosts(collector) if each.host.host == name), None)
    if found is None:
        raise InputError(f"there is no host '{name}'; `headstart host list` has all")
    if as_json:
        say_object({"host": in_words(found)})
        return
    say(name)
    for what, value in host_facts(found):
        say(f"  {what + ':':<14} {value}")


@command.command("drain")
@click.argument("name", type=Name())
@click.option("--reason", default="", help="Why; shown wherever the host is.")
@_json_option
@collector_options
def drain(name: str, reason: str, as_json: bool, collector: Connection) -> None:
    """Give the host NAME no new run; the one that it has goes on to its end.

    It stays so, over restarts of the collector and of its agent, until `headstart host resume`.
    """
    with experiments(collector) as stub:
        state = stub.DrainHost(DrainHostRequest(host=name, reason=reason)).host
    _say_ordered(state, as_json)
    if not as_json and state.running_run_id:
        say(f"it ends its run first: headstart watch {state.running_run_id}", err=True)


@command.command("resume")
@click.argument("name", type=Name())
@_json_option
@collector_options
def resume(name: str, as_json: bool, collector: Connection) -> None:
    """Give the host NAME runs again."""
    with experiments(collector) as stub:
        state = stub.ResumeHost(ResumeHostRequest(host=name)).host
    _say_ordered(state, as_json)


def _say_ordered(state: HostState, as_json: bool) -> None:
    if as_json:
        say_object({"host": in_words(state)})
    else:
        say(host_line(state))


def _hosts(collector: Connection) -> list[HostState]:
    with experiments(collector) as stub:
        return list(stub.ListHosts(ListHostsRequest()).hosts)
