"""What is in the way of a container that checks, before anything is measured."""

from pathlib import Path
from typing import Any, cast

import pytest

from headstart.agent.engine.engine import Engine
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.needs import Host, obstacles
from headstart.v1.experiment_pb2 import (
    Check,
    Command,
    ContainerCheck,
    ContainerNeeds,
    Experiment,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import FailureCode
from headstart.words.features import FEATURE_NAMES, unknown_to

APP, TESTS = "hub.example/team/app:1", "hub.example/team/tests:1"
REFUSED = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
UNUSABLE = FailureCode.FAILURE_CODE_AGENT


class TwoImages:
    def image(self, reference: str) -> dict[str, Any] | None:
        if reference not in (APP, TESTS):
            return None
        return {"Id": f"sha256:{'a' * 64}", "RepoTags": [reference], "Config": {"Cmd": ["/app"]}}

    def is_rootless(self) -> bool:
        return False

    def close(self) -> None:
        pass


def experiment(container: Variant, source: Variant, **check: Any) -> Experiment:
    container.name = "check.1"
    tests = Check(name="tests", container=ContainerCheck(container=container, **check))
    variants = [Variant(name=name) for name in ("jit", "aot")]
    for variant in variants:
        variant.MergeFrom(source)
    return Experiment(
        name="e", baseline="jit", variants=variants, service=Service(port=8080, checks=[tests])
    )


def found(state: Path, asked: Experiment, policy: Policy) -> list[tuple[str, str, int]]:
    docker = DockerRuntime(state, policy, cast("Engine", TwoImages()))
    table = RuntimeTable({"docker": docker, "process": ProcessRuntime(state, policy)})
    host = Host(asked, table, policy.commands, policy.network_refusal)
    seen = [each for each in obstacles(host) if each.path[:1] == ("service",)]
    table.close()
    assert all(each.forbids for each in seen)
    return [(".".join(map(str, each.path)), each.message, each.code) for each in seen]


IMAGE = Variant(image=APP)
COMMAND = Variant(command=Command(argv=["/bin/true"]))
POLICY = Policy(images=("hub.example/*/*",), commands=True, memory_limit_bytes=1 << 30)


@pytest.mark.parametrize(
    ("container", "check", "source", "policy", "key", "words", "code"),
    [
        pytest.param(
            Variant(image=TESTS), {}, IMAGE, Policy(images=(APP,)), "image",
            f"does not allow image {TESTS}", REFUSED, id="image",
        ),
        pytest.param(
            Variant(image="hub.example/team/gone:1"), {}, IMAGE, POLICY, "image",
            "does not hold image hub.example/team/gone:1",
            FailureCode.FAILURE_CODE_IMAGE_MISSING, id="missing",
        ),
        pytest.param(
            Variant(image=TESTS, needs=ContainerNeeds(capabilities=["NET_RAW"])), {}, IMAGE,
            POLICY, "capabilities", "asks for the capability NET_RAW", REFUSED, id="capability",
        ),
        pytest.param(
            Variant(image=TESTS, needs=ContainerNeeds(tmpfs_bytes={"/a": 64 << 20})),
            {"memory_limit_bytes": 32 << 20}, IMAGE, POLICY, "tmpfs",
            "memory limit, which is 32 MiB here (its memory", UNUSABLE, id="tmpfs",
        ),
        pytest.param(
            Variant(image=TESTS, needs=ContainerNeeds(tmpfs_bytes={"/a": 64 << 20})),
            {"junit": "/a/r.xml"}, COMMAND, Policy(images=("*",), commands=True,
            networks=("host",)), "junit", "/a/r.xml lies in the tmpfs /a", UNUSABLE, id="junit",
        ),
        pytest.param(
            Variant(image=TESTS), {"memory_limit_bytes": 2 << 30}, IMAGE, POLICY, "memory",
            "allows at most 1", REFUSED, id="memory",
        ),
        pytest.param(
            Variant(image=TESTS), {"memory_limit_bytes": 1 << 20}, IMAGE, POLICY, "memory",
            "no container less than 6 MiB", UNUSABLE, id="little-memory",
        ),
        pytest.param(
            Variant(image=TESTS), {}, COMMAND, POLICY, "",
            "the variants that are commands listen, and the policy", REFUSED, id="host-network",
        ),
        pytest.param(
            Variant(image=TESTS), {"output_pattern": "("}, IMAGE, POLICY, "",
            "the pattern /(/ of 'tests' is not one of RE2", UNUSABLE, id="pattern",
        ),
    ],
)  # fmt: skip
def test_each_is_told_with_its_key_and_forbids_the_run(
    container: Variant,
    check: dict[str, Any],
    source: Variant,
    policy: Policy,
    key: str,
    words: str,
    code: int,
    tmp_path: Path,
) -> None:
    (told,) = found(tmp_path, experiment(container, source, **check), policy)

    assert told[0] == ".".join(filter(None, ("service.checks.0", key)))
    assert words in told[1]
    assert told[2] == code


def test_what_a_local_file_asks_for_is_allowed(tmp_path: Path) -> None:
    asked = experiment(Variant(image=TESTS), COMMAND)
    policy = Policy.for_experiment(asked)

    assert found(tmp_path, asked, policy) == []
    assert "host" in policy.networks
    beside_images = Policy.for_experiment(experiment(Variant(image=TESTS), IMAGE))
    assert "host" not in beside_images.networks
    assert beside_images.images == (APP, TESTS)


def test_an_agent_of_before_is_leased_no_run_with_one() -> None:
    asked = experiment(Variant(image=TESTS), IMAGE)
    before = set(FEATURE_NAMES) - {"container-checks"}

    assert "checks that are containers (image)" in unknown_to(before, asked)
    assert unknown_to(FEATURE_NAMES, asked) == ""
