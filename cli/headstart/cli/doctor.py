"""`headstart doctor`."""

import click

from headstart.cli.agent_options import host_name
from headstart.cli.exit_codes import ExitCode
from headstart.cli.given import Name


@click.command("doctor")
@click.option("--host", type=Name(), help="Name of this host in results. Default: its hostname.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(host: str | None, as_json: bool) -> int:
    """Say what about this host spoils measurements; exit code 1 when they cannot be trusted."""
    # Late: what reads a host takes half a second to import.
    from headstart.cli.host_facts import facts_here, print_facts
    from headstart.cli.json_output import in_words, say_object
    from headstart.v1.host_pb2 import AdviceLevel

    facts = facts_here(host_name(host))
    if as_json:
        say_object(in_words(facts))
    else:
        print_facts(facts)
    levels = [advice.level for advice in facts.advice]
    unfit = AdviceLevel.ADVICE_LEVEL_BAD in levels
    return ExitCode.REJECTED if unfit else ExitCode.OK
