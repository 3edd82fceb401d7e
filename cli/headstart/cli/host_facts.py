"""What `headstart doctor` finds out about this host, and how it is printed."""

import tempfile
from pathlib import Path

from headstart.agent.agent import current_host_facts
from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.table import open_runtimes
from headstart.cli.terminal import say, say_marked
from headstart.v1.host_pb2 import AdviceLevel, HostFacts

_WORDS = {
    AdviceLevel.ADVICE_LEVEL_GOOD: ("ok", "green"),
    AdviceLevel.ADVICE_LEVEL_WARNING: ("warning", "yellow"),
    AdviceLevel.ADVICE_LEVEL_BAD: ("bad", "red"),
}


def facts_here(host: str) -> HostFacts:
    """Of this host, without an agent."""
    with tempfile.TemporaryDirectory() as state:
        table = open_runtimes(Path(state), Policy.default(), Cancellation())
        try:
            return current_host_facts(host, {}, table)
        finally:
            table.close()


def print_facts(facts: HostFacts) -> None:
    """With all advice, the worst first."""
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
