"""Which network the containers had is said, and keeps figures apart that are not alike."""

from dataclasses import replace

import pytest

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.verdict.remarks import plan_description
from headstart.collector.findings.comparability import setup_of, unlike_metrics
from headstart.v1.experiment_pb2 import Command, Experiment, Network, Plan, Service, Variant
from headstart.v1.records_pb2 import Startup, TrialOutcome
from headstart.words import metrics
from support.fake_runs import small

UNSAID, HOST, BRIDGE, OWN = (
    Network.NETWORK_UNSPECIFIED,
    Network.NETWORK_HOST,
    Network.NETWORK_HOLDER,
    Network.NETWORK_OWN,
)


def experiment(network: Network.ValueType, port: int = 80, command: bool = False) -> Experiment:
    variant = Variant(name="app", image="players:app")
    if command:
        variant = Variant(name="app", command=Command(argv=["./app"]))
    return Experiment(variants=[variant], service=Service(port=port), plan=Plan(network=network))


def trial(network: Network.ValueType) -> Trial:
    startup = Startup(exec_monotonic_ns=1, first_correct_response_monotonic_ns=2)
    return Trial(TrialOutcome(variant="app", network=network, startup=startup))


def networks(stated: Experiment, *used: Network.ValueType) -> list[str]:
    facts = plan_description(stated, [trial(network) for network in used])
    return [fact for fact in facts if fact.startswith("network")]


@pytest.mark.parametrize(
    ("asked", "used", "words"),
    [
        (OWN, [OWN, OWN], ["network of its own"]),
        (UNSAID, [OWN], ["network of its own"]),
        (HOST, [HOST], ["network of the host"]),
        (BRIDGE, [BRIDGE], ["network of a holder container"]),
        # The agent may not enter; or it is an earlier one, which was sent the bridge.
        (OWN, [BRIDGE], ["network of a holder container"]),
        (OWN, [UNSAID], ["network of a holder container"]),
        (OWN, [], ["network of its own"]),
        # Runs of before.
        (HOST, [UNSAID], ["network of the host"]),
        (BRIDGE, [UNSAID], ["network of a holder container"]),
    ],
)
def test_the_network_is_the_one_that_was_used(
    asked: Network.ValueType, used: list[Network.ValueType], words: list[str]
) -> None:
    assert networks(experiment(asked), *used) == words


def test_where_the_plan_decides_nothing_of_it_nothing_is_said() -> None:
    assert networks(experiment(OWN, port=0), UNSAID) == []
    assert networks(experiment(OWN, command=True), HOST) == []


def test_figures_of_different_networks_are_not_set_against_each_other() -> None:
    plain = small(blocks=5).result()
    facts = [fact for fact in plain.plan_description if not fact.startswith("network")]
    before, host, own = (
        replace(plain, plan_description=tuple(filter(None, [*facts, fact])))
        for fact in ("", "network of the host", "network of its own")
    )

    assert metrics.STARTUP.name in unlike_metrics(host, own)
    assert setup_of(host, under_load=False) != setup_of(own, under_load=False)
    # What ran before there was a choice ran in the host's, and its history goes on.
    assert setup_of(before, under_load=False) == setup_of(host, under_load=False)
    assert unlike_metrics(before, host) == {}
