"""What a host's policy forbids is said before anything starts, and is no variant's fault."""

from pathlib import Path

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.policy.policy import Policy
from headstart.agent.run import execute
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.refusals import refusals
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.held_runs import HeldRun
from headstart.v1.experiment_pb2 import (
    Check,
    CommandCheck,
    Experiment,
    Network,
    Plan,
    Service,
    Variant,
)
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import FailureCode, RunStatus
from support.spools import KeptSpool


def experiment(port: int, *checks: Check) -> Experiment:
    return Experiment(
        name="refused",
        baseline="a",
        variants=[Variant(name=name, image="players:any") for name in ("a", "b")],
        service=Service(port=port, checks=checks),
        plan=Plan(blocks=1),
    )


def command(name: str) -> Check:
    return Check(name=name, command=CommandCheck(argv=["./integration-tests.sh"]))


@pytest.mark.parametrize(
    ("stated", "allowed"),
    [
        (experiment(9000, command("tests")), True),
        (experiment(9000), False),
        # A batch program's commands are its own arguments.
        (experiment(0, command("tests")), False),
    ],
    ids=["allowed", "no-command", "batch"],
)
def test_what_the_policy_lets_is_not_refused(stated: Experiment, allowed: bool) -> None:
    assert list(refusals(stated, allowed, Policy().network_refusal)) == []


def test_commands_that_check_a_worker_are_the_hosts_and_its_patterns_are_patterns() -> None:
    worker = experiment(0, command("tests"))
    worker.service.ready.log.pattern = "(x"
    no_commands, no_pattern = refusals(worker, False, Policy().network_refusal)

    assert no_commands.path == ("service", "checks", 0)
    assert no_pattern.path == ("service", "ready")


@pytest.mark.parametrize(
    ("asked", "allowed", "refused"),
    [
        (Network.NETWORK_UNSPECIFIED, ("own", "bridge"), ""),
        (Network.NETWORK_OWN, ("own", "bridge"), ""),
        (Network.NETWORK_HOLDER, ("own", "bridge"), ""),
        (Network.NETWORK_HOST, ("own", "bridge"), "'host' (plan.network)"),
        (Network.NETWORK_HOST, ("own", "host"), ""),
        (Network.NETWORK_HOLDER, ("own",), "'bridge' (plan.network)"),
        (Network.NETWORK_UNSPECIFIED, ("host",), "'own' (plan.network)"),
        (99, ("own", "bridge", "host"), "'number 99' (plan.network)"),
    ],
)
def test_a_network_is_refused_unless_the_policy_names_it(
    asked: Network.ValueType, allowed: tuple[str, ...], refused: str
) -> None:
    stated = experiment(9000)
    stated.plan.network = asked
    all_found = list(refusals(stated, False, Policy(networks=allowed).network_refusal))

    assert len(all_found) == bool(refused)
    for found in all_found:
        assert found.path == ("plan", "network")
        assert found.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
        assert refused in found.message
        assert f"allows {' and '.join(map(repr, allowed))} only (networks)" in found.message


def test_commands_have_the_hosts_network_without_asking() -> None:
    stated = experiment(9000)
    stated.plan.network = Network.NETWORK_HOST
    for variant in stated.variants:
        variant.command.argv.append("./app")

    assert list(refusals(stated, False, Policy().network_refusal)) == []


def test_a_run_that_is_refused_starts_nothing_and_says_why(tmp_path: Path) -> None:
    spool = KeptSpool(tmp_path)
    tools = Tools(
        spool, lambda _cancelled: RuntimeTable({}), lambda _a, _b: HostFacts(host="here"), False
    )
    stated = experiment(9000, command("tests"), command("more tests"))
    execute(HeldRun("refused", 1, stated, lambda _: None, Cancellation()), tools)
    spool.close()

    first, last = spool.records[0].run_started, spool.records[-1].run_outcome
    assert len(spool.records) == 2
    assert last.status == RunStatus.RUN_STATUS_FAILED
    assert last.reason.startswith(
        "the policy of this host allows no commands (commands = false), and the experiment"
        " has commands among its checks: 'tests', 'more tests'"
    )
    assert {v.failure.code for v in first.variants} == {FailureCode.FAILURE_CODE_REFUSED_BY_POLICY}
