"""How a run ends."""

from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.run import execute
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.spool import Spool
from headstart.v1.experiment_pb2 import Command, Experiment, Variant
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import RunStatus
from support.spools import KeptSpool


def broken_runtimes(_cancelled: Cancellation) -> RuntimeTable:
    raise AssertionError("nobody foresaw this")


def test_a_fault_of_the_agents_own_is_marked_as_such(tmp_path: Path) -> None:
    spool = KeptSpool(tmp_path / "spool")
    tools = Tools(
        spool,
        broken_runtimes,
        lambda _server, _load: HostFacts(host="here"),
        commands_allowed=True,
    )
    variants = [Variant(name=name, command=Command(argv=["true"])) for name in ("a", "b")]
    experiment = Experiment(name="x", baseline="a", variants=variants)
    experiment.plan.blocks = 1
    execute(HeldRun("x", 1, experiment, lambda _: None, Cancellation()), tools)
    Spool.close(spool)
    outcome = spool.records[-1].run_outcome

    assert outcome.status == RunStatus.RUN_STATUS_FAILED
    assert outcome.reason == "the agent broke: AssertionError: nobody foresaw this"
    assert outcome.agent_broke
