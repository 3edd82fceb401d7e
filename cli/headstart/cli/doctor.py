"""`headstart doctor`."""

import tempfile
from pathlib import Path

import click

from headstart.agent.agent import current_host_facts
from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.table import open_runtimes
from headstart.cli.agent_options import host_name
from headstart.cli.exit_codes import ExitCode
from headstart.cli.given import Name
from headstart.cli.json_output import in_words, say_object
from headstart.cli.terminal import say, say_marked
from headstart.v1.host_pb2 import AdviceLevel, HostFacts

_WORDS = {
    AdviceLevel.ADVICE_LEVEL_GOOD: ("ok", "green"),
    AdviceLevel.ADVICE_LEVEL_WARNING: ("warning", "yellow"),
    AdviceLevel.ADVICE_LEVEL_BAD: ("bad", "red"),
}


@click.command("doctor")
@click.option("--host", type=Name(), help="Name of this host in results. Default: its hostname.")
@click.option("--json", "as_json", is_flag=True, help="Print the facts as JSON.")
def command(host: str | None, as_json: bool) -> int:
    """Say what about this host spoils measurements; exit code 1 when they cannot be trusted."""
    facts = _facts(host_name(host))
    if as_json:
        say_object(in_words(facts))
    else:
        _print(facts)
    levels = [advice.level for advice in facts.advice]
    unfit = AdviceLevel.ADVICE_LEVEL_BAD in levels
    return ExitCode.REJECTED if unfit else ExitCode.OK


def _facts(host: str) -> HostFacts:
    with tempfile.TemporaryDirectory() as state:
        table = open_runtimes(Path(state), Policy.default(), Cancellation())
        try:
            return current_host_facts(host, {}, table)
        finally:
            table.close()


def _print(facts: HostFacts) -> None:
    cpu = facts.cpu
    say(f"{facts.host}  fingerprint {facts.fingerprint}")
    say(f"  CPU     {cpu.model}, {cpu.cores} cores, {cpu.threads} threads")
    say(f"  memory  {facts.memory_bytes / 2**30:.1f} GiB")
    say(f"  kernel  {facts.kernel}, cgroup v{facts.cgroup_version}")
    engine = facts.engine
    say(f"  engine  {f'{engine.name} {engine.version}' if engine.version else 'none'}")
    drivers = ", ".join(f"{driver.name} {driver.value}" for driver in facts.load_drivers)
    say(f"  load    {drivers}")
    for fact in facts.other:
        say(f"  {fact.name}: {fact.value}")
    say()
    for advice in sorted(facts.advice, key=lambda advice: -advice.level):
        word, colour = _WORDS.get(advice.level, ("?", "white"))
        say_marked(f"{word:>8}", colour, advice.finding)
        if advice.remedy and advice.level != AdviceLevel.ADVICE_LEVEL_GOOD:
            say(f"{'':>10}{advice.remedy}")
