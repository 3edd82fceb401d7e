"""The runtimes of `headstart.words.runtimes`, each in the module NAME_runtime here."""

from importlib import import_module
from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.instances import RuntimeFault
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.runtime import Connect, RuntimeTable
from headstart.words.runtimes import RUNTIMES


def open_runtimes(state: Path, policy: Policy, cancelled: Cancellation) -> RuntimeTable:
    """The runtimes that work now under a policy, and why others do not."""
    table = RuntimeTable()
    for name in RUNTIMES:
        connect: Connect = import_module(f"headstart.agent.runtimes.{name}_runtime").CONNECT
        try:
            table.by_name[name] = connect(state, policy, cancelled)
        except RuntimeFault as fault:
            table.missing[name] = fault.message
    return table
