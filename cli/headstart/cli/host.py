"""`headstart host`: the hosts of a collector, and what an operator orders of one."""

import click

from headstart.cli.client import experiments
from headstart.cli.connection import Connection, collector_options
from headstart.cli.errors import InputError
from headstart.cli.found_hosts import host_named, host_pages
from headstart.cli.given import Name
from headstart.cli.host_words import host_facts, host_line
from headstart.cli.json_output import in_words, say_object
from headstart.cli.lost_words import lost_words
from headstart.cli.terminal import say
from headstart.v1.experiments_pb2 import (
    DrainHostRequest,
    HostState,
    RemoveHostRequest,
    RenameHostRequest,
    ResumeHostRequest,
)

_json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@click.group("host")
def command() -> None:
    """List hosts; drain, resume, rename or remove one."""


@command.command("list")
@click.option("--limit", type=click.IntRange(1), help="Most hosts to list. Default: all.")
@click.option(
    "--after", type=Name(), default="", metavar="HOST", help="Only those after HOST, by name."
)
@_json_option
@collector_options
def list_hosts(limit: int | None, after: str, as_json: bool, collector: Connection) -> None:
    """List the hosts that ever attended by name, a line each."""
    hosts: list[HostState] = []
    more = 0
    with experiments(collector) as stub:
        for page, follow in host_pages(stub, after, limit or 0):
            hosts += page
            more = follow
            for state in page if not as_json else ():
                say(host_line(state))
    if as_json:
        say_object({"hosts": [in_words(state) for state in hosts], "more_hosts": more})
    elif more:
        say(f"{more:,} more: --after {hosts[-1].host.host}, or without --limit", err=True)
    elif not hosts:
        nobody = (
            f"no host comes after {after}" if after else "no agent has attended this collector yet"
        )
        say(nobody, err=True)


@command.command("show")
@click.argument("name", type=Name())
@_json_option
@collector_options
def show(name: str, as_json: bool, collector: Connection) -> None:
    """Show what is known of the host NAME."""
    with experiments(collector) as stub:
        found = host_named(stub, name)
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


@command.command("rename")
@click.argument("old", type=Name())
@click.argument("new", type=Name())
@_json_option
@collector_options
def rename(old: str, new: str, as_json: bool, collector: Connection) -> None:
    """Call the host OLD by the name NEW: its runs, results and metrics go on under it.

    Its agent ends, told to be started with --host NEW or, if it was enrolled, to enroll by that
    name. Not while it has a run.
    """
    with experiments(collector) as stub:
        state = stub.RenameHost(RenameHostRequest(host=old, new_name=new)).host
    _say_ordered(state, as_json)
    if not as_json:
        say(
            f"on the host, start its agent with --host {new}; where it was enrolled, without "
            "--host and after `headstart enroll` with a token of `headstart token create "
            f"--role agent --name {new}`",
            err=True,
        )


@command.command("remove")
@click.argument("name", type=Name())
@click.option("--force", is_flag=True, help="With its runs, their results and all that they say.")
@_json_option
@collector_options
def remove(name: str, force: bool, as_json: bool, collector: Connection) -> None:
    """Forget the host NAME, which is gone for good. Not while its agent is connected.

    Where it has runs, without --force it is said what would be lost. A name of before, which
    `headstart host rename` left, is free again.
    """
    with experiments(collector) as stub:
        answer = stub.RemoveHost(RemoveHostRequest(host=name, force=force))
    if as_json:
        say_object(in_words(answer))
    elif answer.former_name_of:
        say(f"{name} is free; it was called so before {answer.former_name_of}")
    else:
        say(f"removed {name}, with {lost_words(answer.lost)}")


def _say_ordered(state: HostState, as_json: bool) -> None:
    if as_json:
        say_object({"host": in_words(state)})
    else:
        say(host_line(state))
