"""`headstart agent`."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import click

from headstart.cli import interrupt
from headstart.cli.agent_options import default_state, host_name, parse_labels
from headstart.cli.connection import (
    Connection,
    default_address,
    enrolled_connection,
    given_collector,
)
from headstart.cli.errors import InputError
from headstart.cli.faults import agent_faults
from headstart.cli.given import Name, OutputFolder
from headstart.cli.logs import log_options, log_to_stderr
from headstart.cli.loop import run_loop
from headstart.cli.service_manager import tell_ready
from headstart.words.private_files import private_folder
from headstart.words.roles import Role

if TYPE_CHECKING:
    from headstart.agent.agent import Agent
    from headstart.agent.uplink.enrolled import Enrolled

log = logging.getLogger(__name__)


@click.command("agent")
@click.option(
    "--host",
    type=Name(),
    help="Name of this host in results. Default: that of its certificate, else its hostname.",
)
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="TOML file that says what may run here. Without it: no image and no command is allowed.",
)
@click.option(
    "--state",
    type=OutputFolder(),
    help="Folder of the spool, and of the identity that `headstart enroll` put there. "
    "Default: ~/.local/state/headstart/agent.",
)
@click.option(
    "--spool-mib", default=1024, show_default=True, help="Most that samples may fill on disk."
)
@click.option(
    "--if-busy",
    type=click.Choice(["wait", "go-on"]),
    default="wait",
    show_default=True,
    help="While another run measures on this machine: wait for its end, or go on beside it.",
)
@log_options("info")
@given_collector
def command(
    host: str | None,
    labels: tuple[str, ...],
    policy_file: Path | None,
    state: Path | None,
    spool_mib: int,
    if_busy: str,
    collector: Connection | None,
) -> None:
    """Run experiments on this host for a collector, until SIGINT, SIGTERM or SIGHUP.

    headstart agent --policy /etc/headstart/policy.toml --label pool=perf

    Of several collectors (--collector repeated) it attends the active one.
    """
    log_to_stderr("%(asctime)s %(levelname)s %(message)s")
    folder = (state or default_state()).absolute()
    try:
        private_folder(folder, marks=("lock",))
    except OSError as error:
        raise InputError(
            f"--state {folder}: {error.strerror}; name a folder that this user can write"
        ) from error
    collector = _connection(collector, folder)
    own_name = collector.enrolled.identity.name if collector.enrolled is not None else None
    if host and own_name and host != own_name:
        raise InputError(
            f"--host {host}: this host is enrolled as '{own_name}'; leave --host out, or enroll it "
            "under the other name (headstart enroll TOKEN --name NAME)"
        )
    # Late: neither help nor a wrong option waits for it.
    from headstart.agent.agent import Agent, AgentConfig
    from headstart.agent.host.machine import WhenBusy
    from headstart.agent.policy.policy import Policy

    with agent_faults():
        agent = Agent(
            AgentConfig(
                target=collector.target,
                state=folder,
                host=own_name or host_name(host),
                policy=Policy.load(policy_file) if policy_file else Policy.default(),
                policy_file=policy_file.absolute() if policy_file else None,
                labels=parse_labels(labels),
                # One of `headstart enroll` that is over may be replaced at any time.
                tls=collector.enrolled.tls if collector.enrolled else collector.tls(),
                spool_limit_bytes=spool_mib << 20,
                when_busy=WhenBusy(if_busy),
                identity=collector.enrolled.folder if collector.enrolled is not None else None,
                other_targets=collector.others,
            )
        )
        if policy_file is None:
            log.warning("without --policy nothing may run on this host: see docs/POLICY.md")
        run_loop(_attend(agent))


def _unused(folder: Path) -> Enrolled | None:
    """An identity that something else stands above; one that is broken does no harm then."""
    try:
        found = enrolled_connection(folder)
    except InputError:
        return None
    return found.enrolled if found is not None else None


def _connection(given: Connection | None, state: Path) -> Connection:
    """What was said stands above what the state folder holds, and that above the default."""
    from headstart.agent.uplink.enrolled import FOLDER_NAME

    folder = state / FOLDER_NAME
    if given is None:
        found = enrolled_connection(folder) or Connection(default_address())
    elif given.is_bare_port:
        found = enrolled_connection(folder, given.targets) or given
    else:
        found = given
        if given.enrolled is None and (unused := _unused(folder)) is not None:
            log.warning(
                "this host is enrolled as '%s' with the collector at %s, and attends %s instead, "
                "without that identity: --collector or HEADSTART_COLLECTOR says so",
                *(unused.identity.name, unused.collector, given.target),
            )
    if found.enrolled is not None and found.enrolled.identity.role is not Role.AGENT:
        raise InputError(
            f"{found.enrolled.file} is for {found.enrolled.identity.role} "
            f"'{found.enrolled.identity.name}', not for an agent: enroll this host with a token "
            "of --role agent"
        )
    return found


async def _attend(agent: Agent) -> None:
    with interrupt.stopping(agent.stop):
        tell_ready()
        await agent.run()
