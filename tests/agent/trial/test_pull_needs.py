"""What is pulled before a run, and what is in its way where it may not be."""

from pathlib import Path
from typing import Any, cast

import pytest

from headstart.agent.engine.engine import Engine
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.needs import Host, obstacles
from headstart.v1.experiment_pb2 import Experiment, Plan, Pull, Service, Variant
from headstart.v1.records_pb2 import FailureCode
from headstart.words.features import unknown_to

HERE, GONE = "hub.example/team/here:1", "hub.example/team/gone:1"


class OneImage:
    def image(self, reference: str) -> dict[str, Any] | None:
        image = {"Id": f"sha256:{'a' * 64}", "RepoTags": [HERE], "Config": {"Cmd": ["/app"]}}
        return image if reference == HERE else None

    def is_rootless(self) -> bool:
        return False

    def close(self) -> None:
        pass


def asked(state: Path, pull: Pull.ValueType, policy: Policy) -> tuple[Host, list[Any]]:
    runtime = DockerRuntime(state, policy, cast("Engine", OneImage()))
    variants = [Variant(name="here", image=HERE), Variant(name="gone", image=GONE)]
    experiment = Experiment(
        name="pulls", baseline="here", variants=variants, service=Service(port=8080)
    )
    experiment.plan.CopyFrom(Plan(pull=pull))
    host = Host(experiment, RuntimeTable({"docker": runtime}), False, policy.network_refusal)
    found = [each for each in obstacles(host) if each.variant]
    runtime.close()
    return host, found


@pytest.mark.parametrize(
    ("pull", "pulled"),
    [
        (Pull.PULL_UNSPECIFIED, ["gone"]),
        (Pull.PULL_MISSING, ["gone"]),
        (Pull.PULL_ALWAYS, ["here", "gone"]),
        (Pull.PULL_NEVER, []),
    ],
)
def test_what_a_plan_has_pulled(tmp_path: Path, pull: Pull.ValueType, pulled: list[str]) -> None:
    host, found = asked(tmp_path, pull, Policy(images=("hub.example/*",), pull=True))

    assert [each.name for each in host.to_pull] == pulled
    assert [each.variant for each in found if not each.blocks] == pulled
    assert [each.code for each in found if each.blocks] == [
        FailureCode.FAILURE_CODE_IMAGE_MISSING
    ] * (pull == Pull.PULL_NEVER)


def test_always_is_refused_where_the_policy_allows_no_pull(tmp_path: Path) -> None:
    host, found = asked(tmp_path, Pull.PULL_ALWAYS, Policy(images=("hub.example/*",)))

    assert host.to_pull == []
    assert [(each.variant, each.code) for each in found] == [
        ("here", FailureCode.FAILURE_CODE_REFUSED_BY_POLICY),
        ("gone", FailureCode.FAILURE_CODE_IMAGE_MISSING),
    ]
    assert all("pull = false" in each.message for each in found)


@pytest.mark.parametrize(
    ("plan", "lacks"),
    [
        (Plan(pull=Pull.PULL_MISSING), ""),
        (Plan(pull=Pull.PULL_NEVER), ""),
        (Plan(pull=Pull.PULL_ALWAYS), "plan.pull: always"),
        (Plan(remove_pulled=True), "plan.remove_pulled"),
    ],
)
def test_an_agent_of_before_runs_only_what_it_would_not_measure_otherwise(
    plan: Plan, lacks: str
) -> None:
    words = unknown_to(["secrets"], Experiment(plan=plan))

    assert (words == "") == (lacks == "")
    assert lacks in words
