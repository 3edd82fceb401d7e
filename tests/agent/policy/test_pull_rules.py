"""What may be pulled: the plan asks, the policy allows, and a pattern says from where."""

from pathlib import Path

import pytest

from headstart.agent.policy.policy import Policy, PolicyError, parse_policy
from headstart.agent.policy.pull_rules import pull_refusal
from headstart.v1.experiment_pb2 import Experiment, Plan, Pull, Variant

HOST = Path("policy.toml")
IMAGE = "hub.example/team/players:1"


@pytest.mark.parametrize(
    ("patterns", "image", "is_pulled"),
    [
        (["hub.example/team/*"], IMAGE, True),
        (["hub.example/*"], IMAGE, True),
        (["hub.example/team/players:1"], IMAGE, True),
        (["hub.example:443/team/*"], IMAGE, False),
        (["other.example/*"], IMAGE, False),
        # These fit it, and name no registry.
        (["*"], IMAGE, False),
        (["*.example/team/*"], IMAGE, False),
        (["hub.example*/team/*"], IMAGE, False),
        (["*", "hub.example/team/*"], IMAGE, True),
        (["players:*"], "players:1", False),
        (["library/players:*"], "players:1", False),
        (["team/*"], "team/players:1", False),
        (["docker.io/library/players:*"], "players:1", True),
        (["docker.io/players:*"], "players:1", True),
        (["index.docker.io/library/players:*"], "players:1", True),
        (["localhost/players:*"], "localhost/players:1", True),
        (["[::1]:5000/players:*"], "[::1]:5000/players:1", True),
        ([f"sha256:{'a' * 64}", "sha256:*"], f"sha256:{'a' * 64}", False),
        ([f"sha256:{'a' * 64}"], f"hub.example/players@sha256:{'a' * 64}", False),
        (["hub.example/players@*"], f"hub.example/players@sha256:{'a' * 64}", True),
    ],
)
def test_only_a_pattern_that_names_its_registry_lets_an_image_be_pulled(
    patterns: list[str], image: str, is_pulled: bool
) -> None:
    policy = Policy(images=tuple(patterns), pull=True)
    refusal = pull_refusal(policy, image, Pull.PULL_UNSPECIFIED)

    assert (refusal is None) == is_pulled
    assert is_pulled or "no pattern of the policy of this host fits" in str(refusal)


@pytest.mark.parametrize(
    ("allows", "asked", "says"),
    [
        (True, Pull.PULL_NEVER, "pull: never"),
        (False, Pull.PULL_MISSING, "pull = false"),
        (False, Pull.PULL_ALWAYS, "pull = false"),
        (False, Pull.PULL_UNSPECIFIED, "pull = true"),
        (True, Pull.PULL_ALWAYS, ""),
        (True, Pull.PULL_MISSING, ""),
        (True, Pull.PULL_UNSPECIFIED, ""),
    ],
)
def test_the_plan_asks_and_the_policy_allows(
    allows: bool, asked: Pull.ValueType, says: str
) -> None:
    refusal = pull_refusal(Policy(images=("hub.example/*",), pull=allows), IMAGE, asked)

    assert says in (refusal or "")
    assert (refusal is None) == (says == "")


def test_a_policy_file_says_whether_and_how_much() -> None:
    policy = parse_policy('images = []\npull = true\npull_limit = "2GiB"\n', HOST)

    assert (policy.pull, policy.pull_limit_bytes) == (True, 2 << 30)
    assert (policy.message().pull, policy.message().pull_limit_bytes) == (True, 2 << 30)
    assert not Policy.default().pull
    with pytest.raises(PolicyError, match=r"line 1: pull: .* line 2: pull_limit: "):
        parse_policy('pull = "missing"\npull_limit = "1kB"\n', HOST)


@pytest.mark.parametrize(
    ("image", "asked", "is_pulled"),
    [
        ("players:1", Pull.PULL_UNSPECIFIED, False),
        ("players:1", Pull.PULL_MISSING, True),
        (IMAGE, Pull.PULL_MISSING, True),
        (IMAGE, Pull.PULL_ALWAYS, True),
        (f"players@sha256:{'a' * 64}", Pull.PULL_MISSING, True),
        # As the engine reads it, the beginning of an id.
        ("abcdef12", Pull.PULL_MISSING, False),
    ],
)
def test_whoever_runs_a_file_here_allows_the_pulls_that_it_asks_for(
    image: str, asked: Pull.ValueType, is_pulled: bool
) -> None:
    variants = [Variant(name="a", image=image)]
    policy = Policy.for_experiment(Experiment(variants=variants, plan=Plan(pull=asked)))

    assert (pull_refusal(policy, image, asked) is None) == is_pulled
