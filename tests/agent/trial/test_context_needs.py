"""What is said of a build's context before anything is fetched."""

from pathlib import Path
from typing import cast

import pytest

from headstart.agent.engine.engine import Engine
from headstart.agent.policy.context_rules import context_refusal
from headstart.agent.policy.policy import Policy, PolicyError, parse_policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.obstacles import Obstacle
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.needs import Host, obstacles
from headstart.v1.experiment_pb2 import (
    Build,
    ContextArchive,
    Experiment,
    GitSource,
    Service,
    Variant,
)
from headstart.v1.records_pb2 import FailureCode

URL, COMMIT = "https://git.example/team/app", "0123456789" * 4


class NoImages:
    def is_rootless(self) -> bool:
        return False

    def close(self) -> None:
        pass


def found(state: Path, build: Build, policy: Policy) -> list[Obstacle]:
    runtime = DockerRuntime(state, policy, cast("Engine", NoImages()))
    experiment = Experiment(variants=[Variant(name="aot", build=build)], service=Service(port=8080))
    host = Host(experiment, RuntimeTable({"docker": runtime}), False, policy.network_refusal)
    host.context_refusal = lambda build: context_refusal(policy, build)
    told = [each for each in obstacles(host) if each.variant]
    runtime.close()
    return told


def test_a_repository_that_no_pattern_fits_is_refused_and_by_default_none_does(
    tmp_path: Path,
) -> None:
    build = Build(git=GitSource(url=URL, commit=COMMIT))
    for policy, listed in (
        (Policy(builds=True), "none"),
        (Policy(builds=True, git=("https://git.example/other/*",)), "https://git.example/other/*"),
    ):
        (told,) = found(tmp_path, build, policy)

        assert told.message == (
            f"aot cannot be built: it is to be built from {URL}, which no pattern of the policy of"
            f" this host fits (git: {listed})"
        )
        assert told.path == ("variants", "aot", "build", "git")
        assert (told.code, told.blocks) == (FailureCode.FAILURE_CODE_REFUSED_BY_POLICY, True)


def test_what_is_fetched_is_said_before(tmp_path: Path) -> None:
    build = Build(git=GitSource(url=URL, commit=COMMIT))
    (told,) = found(tmp_path, build, Policy(builds=True, git=("https://git.example/team/*",)))

    assert (told.message, told.blocks) == (f"aot: the run fetches {URL} at {COMMIT}", False)


def test_a_host_without_git_says_so_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/none")
    build = Build(git=GitSource(url=URL, commit=COMMIT))
    (told,) = found(tmp_path, build, Policy(builds=True, git=(URL,)))

    assert told.message.startswith("aot cannot be built: this host has no git")
    assert (told.code, told.blocks) == (FailureCode.FAILURE_CODE_CONTEXT, True)


@pytest.mark.parametrize(
    ("url", "commit"),
    [("ext::sh -c x", COMMIT), ("--upload-pack=x", COMMIT), (URL, "--all"), (URL, "main")],
)
def test_a_collector_can_name_nothing_that_git_reads_as_something_else(
    url: str, commit: str
) -> None:
    everything = Policy(builds=True, git=(url, "https://git.example/*"))

    assert "is no commit of a git repository" in str(
        context_refusal(everything, Build(git=GitSource(url=url, commit=commit)))
    )


def test_a_context_beyond_the_policy_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    large = Build(archive=ContextArchive(tar_bytes=3 << 30))
    (told,) = found(tmp_path, large, Policy(builds=True))

    assert told.message.endswith("the policy of this host allows 2 GiB (context_limit)")
    assert told.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    assert found(tmp_path, Build(archive=ContextArchive(tar_bytes=1 << 30)), Policy()) == []


def test_the_keys_of_a_policy() -> None:
    text = 'git = ["https://git.example/team/*", "file:///srv/*"]\ncontext_limit = "1GiB"\n'
    policy = parse_policy(text, Path("policy.toml"))
    wrong = {
        'git = ["*"]': "expected an address such as .* not '[*]'",
        'git = "https://git.example/a"': "expected a list such as",
        'git = ["https://*/a"]': "expected an address such as .* not 'https://[*]/a'",
    }

    assert policy.git == ("https://git.example/team/*", "file:///srv/*")
    assert policy.context_limit_bytes == 1 << 30
    assert policy.message().git == list(policy.git)
    for line, why in wrong.items():
        with pytest.raises(PolicyError, match=f"line 1: git: {why}"):
            parse_policy(line, Path("policy.toml"))


def test_a_run_on_ones_own_machine_fetches_what_its_file_names_and_no_more() -> None:
    variants = [Variant(name="a", build=Build(git=GitSource(url=URL, commit=COMMIT)))]
    policy = Policy.for_experiment(Experiment(variants=variants))

    assert policy.git == (URL,)
