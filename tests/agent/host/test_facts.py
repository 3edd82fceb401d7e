"""Host facts put together: of a tree, and of this machine."""

from pathlib import Path

from headstart.agent.host.facts import host_facts
from headstart.v1.host_pb2 import AdviceLevel, Engine, Fact
from support.hosts import SERVER
from support.trees import write_tree


def test_a_server_from_its_tree(tmp_path: Path) -> None:
    write_tree(tmp_path, SERVER)

    facts = host_facts(
        "perf-1",
        {"pool": "perf"},
        Engine(name="docker", version="27.1"),
        [("builtin", "0.1.0"), ("h2load", "1.52.0")],
        root=tmp_path,
        watch_seconds=0,
    )

    assert facts.host == "perf-1"
    assert facts.labels == {"pool": "perf"}
    assert facts.engine.version == "27.1"
    assert list(facts.load_drivers) == [
        Fact(name="builtin", value="0.1.0"),
        Fact(name="h2load", value="1.52.0"),
    ]
    assert facts.operating_system == "Ubuntu 24.04.1 LTS"
    assert (facts.kernel, facts.cgroup_version) == ("6.8.0-45-generic", 2)
    assert facts.cpu.threads == 4
    assert len(facts.fingerprint) == 12
    assert facts.agent_version


def test_the_plans_cpus_are_held_against_the_topology(tmp_path: Path) -> None:
    write_tree(tmp_path, SERVER)

    facts = host_facts(
        "h", {}, None, [], server_cpus="0", load_cpus="2", root=tmp_path, watch_seconds=0
    )

    levels = {advice.code: advice.level for advice in facts.advice}
    assert levels["smt"] == AdviceLevel.ADVICE_LEVEL_BAD
    assert levels["engine"] == AdviceLevel.ADVICE_LEVEL_WARNING
    assert not facts.HasField("engine")


def test_this_machine_is_the_same_when_asked_twice() -> None:
    first = host_facts("h", {}, None, [], watch_seconds=0)
    second = host_facts("other", {"a": "b"}, None, [], watch_seconds=0)

    assert first.fingerprint == second.fingerprint
    assert first.memory_bytes > 0
    assert first.advice
