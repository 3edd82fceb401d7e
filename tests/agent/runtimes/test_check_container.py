"""Containers of checks, run by a real engine beside a real app: every way in which one can end."""

import itertools
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.cancellation import Cancellation, Cancelled
from headstart.agent.http.check_runner import run_checks
from headstart.agent.instances import LABEL_STATE, InstanceSpec, RuntimeFault, state_id
from headstart.agent.policy.policy import Policy
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import ChecksSpec, Instance
from headstart.v1.experiment_pb2 import (
    Check,
    Command,
    ContainerCheck,
    ContainerNeeds,
    Network,
    Plan,
    Variant,
)
from headstart.v1.records_pb2 import CaseStatus, CheckOutcome, CheckStage, FailureCode
from headstart.words.enums import word
from support.images import build_app, image_of
from support.instances import answer_of, free_port, spec_for
from support.policies import everything_allowed
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler]

SUPPORT = Path(__file__).parents[2] / "support"
# Other tests use the same engine.
RUN = f"checks{os.getpid()}"
TRIALS = itertools.count(1)
PASSED = "<testsuite name='s'><testcase name='a'/></testsuite>"
FAILED = "<testsuite name='s'><testcase name='b'><failure message='no'/></testcase></testsuite>"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-checked:{os.getpid()}") as name:
        yield name


@pytest.fixture(scope="module")
def tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("tests"), SUPPORT / "checks_app.c")
    with image_of(program, f"headstart-test-checks:{os.getpid()}") as name:
        yield name


Asked = Callable[..., CheckOutcome]


@contextmanager
def running(
    state: Path,
    app: str,
    policy: Policy | None = None,
    cancelled: Cancellation | None = None,
    network: Network.ValueType = Network.NETWORK_OWN,
) -> Iterator[tuple[DockerRuntime, Instance, int]]:
    """An app that answers."""
    policy = policy or everything_allowed()
    with closing(DockerRuntime.connect(state, policy, cancelled)) as runtime:
        port = free_port()
        variant = Variant(name="app", image=app, entrypoint=["app", f"listen={port}"])
        trial = next(TRIALS)
        resolved = runtime.resolve(variant, "/")
        spec = InstanceSpec(RUN, 1, trial, resolved, Plan(network=network), port)
        instance = runtime.create(spec)
        try:
            instance.open_gate()
            answer_of(instance, port)
            yield runtime, instance, port
        finally:
            instance.stop()


def check_of(image: str, *instructions: str, **parts: Any) -> Check:
    needs, environment = parts.pop("needs", None), parts.pop("environment", {})
    container = Variant(
        name="check.1",
        image=image,
        entrypoint=["app"],
        arguments=instructions,
        needs=needs,
        environment=environment,
    )
    return Check(name="tests", container=ContainerCheck(container=container, **parts))


def outcome_of(
    runtime: DockerRuntime,
    instance: Instance,
    port: int,
    check: Check,
    cancelled: Cancellation | None = None,
) -> CheckOutcome:
    """How the check went, and that nothing of its container is left."""
    resolved = runtime.resolve(check.container.container, "/")
    assert not resolved.HasField("failure"), resolved.failure.message
    spec = ChecksSpec(RUN, 1, 1, {"check.1": resolved})
    containers = runtime.checker.checks_beside(instance, spec)
    try:
        (run,) = run_checks(
            [check],
            *(instance.address, port, 1),
            CheckStage.CHECK_STAGE_AFTER_LOAD,
            containers=containers,
            cancelled=cancelled,
        )
    finally:
        assert names("check-1") == []
    return run.outcome


def names(part: str, *which: str) -> list[str]:
    """Containers of the tests' run, running or not."""
    which = which or ("-a",)
    found = subprocess.run(
        ["docker", "ps", *which, "--format", "{{.Names}}", "--filter", f"name={RUN}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in found.stdout.split() if part in name]


@contextmanager
def when_it_runs(act: Callable[[], object]) -> Iterator[None]:
    """Does it as soon as a check's container runs."""

    def wait() -> None:
        wait_until(lambda: names("check-1", "--filter", "status=running") != [])
        act()

    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()


@pytest.fixture(scope="module")
def beside(
    app: str, tests: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., CheckOutcome]]:
    """Runs a check beside an app that all of them share."""
    with running(tmp_path_factory.mktemp("state"), app) as (runtime, instance, port):

        def asked(*instructions: str, **parts: Any) -> CheckOutcome:
            return outcome_of(runtime, instance, port, check_of(tests, *instructions, **parts))

        yield asked


def test_it_asks_the_app_and_passes_by_status_output_and_results(beside: Asked) -> None:
    outcome = beside(
        *("get", "folder=/results", f"file=/results/report.xml={PASSED}", "exit=3"),
        exit_status=3,
        output_pattern="(?m)^answered 200 hello$",
        junit="/results",
    )

    assert (outcome.passed, outcome.actual) == (True, "exit status 3")
    assert outcome.expected == (
        "exit status 3 and output matching /(?m)^answered 200 hello$/ and no test that fails"
    )
    assert [(t.test, word(CaseStatus, t.status)) for t in outcome.tests] == [("s.a", "passed")]
    assert outcome.test_counts.passed == 1
    assert b"answered 200" in outcome.excerpt


@pytest.mark.root
@pytest.mark.parametrize("network", [Network.NETWORK_HOLDER, Network.NETWORK_HOST])
def test_it_is_where_the_app_is_in_every_network(
    network: Network.ValueType, app: str, tests: str, tmp_path: Path
) -> None:
    with running(tmp_path, app, network=network) as (runtime, instance, port):
        outcome = outcome_of(
            runtime, instance, port, check_of(tests, "get", output_pattern="answered 200 hello")
        )

    assert outcome.passed, outcome.actual


def test_beside_a_command_it_is_in_the_hosts_network_if_the_policy_allows_that(
    tests: str, tmp_path: Path
) -> None:
    port = free_port()
    program = build_app(tmp_path)
    allowed = everything_allowed()
    denied = replace(allowed, networks=("own", "bridge"))
    commands = ProcessRuntime(tmp_path / "state", allowed)
    variant = Variant(name="c", command=Command(argv=[str(program), f"listen={port}"]))
    instance = commands.create(spec_for(commands.resolve(variant, "/"), port=port))
    try:
        instance.open_gate()
        answer_of(instance, port)
        with closing(DockerRuntime.connect(tmp_path / "state", allowed)) as runtime:
            check = check_of(tests, "get", output_pattern="answered 200 hello")
            assert outcome_of(runtime, instance, port, check).passed
        with (
            closing(DockerRuntime.connect(tmp_path / "state", denied)) as runtime,
            pytest.raises(RuntimeFault, match="network 'host'") as refused,
        ):
            outcome_of(runtime, instance, port, check)
        assert refused.value.code == FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
    finally:
        instance.stop()
        commands.close()


@pytest.mark.parametrize(
    ("instructions", "parts", "actual"),
    [
        (["out=boom", "exit=2"], {}, "exit status 2, last output 'boom'"),
        (
            ["out=boom"],
            {"output_pattern": "ok"},
            "exit status 0, no such output, last output 'boom'",
        ),
        (["out=on", "wait"], {"timeout_seconds": 0.5}, "still running after 0.5 s, killed, last"),
        (["fork", "fork", "exit=1"], {}, "exit status 1"),
        (["touch=64"], {"memory_limit_bytes": 16 << 20}, "killed: out of memory within its limit"),
        (["out=x"], {"junit": "/results"}, "no result of its tests: it left no /results, last"),
        (
            ["folder=/results"],
            {"junit": "/results"},
            "exit status 0, no result of its tests: no file in /results is called *.xml",
        ),
        (
            ["folder=/results", "link=/results/a.xml=/etc/passwd"],
            {"junit": "/results"},
            "no file in /results is called *.xml",
        ),
        (
            ["link=/results=/etc/passwd"],
            {"junit": "/results"},
            "no result of its tests: /results is a link, which is not followed",
        ),
        (
            [f"file=/r.xml={FAILED}"],
            {"junit": "/r.xml"},
            "exit status 0, 1 of 1 tests fails: s.b",
        ),
        (
            [f"file=/r.xml={FAILED}", "exit=1"],
            {"junit": "/r.xml"},
            "exit status 1, 1 of 1 tests fails: s.b",
        ),
        (["file=/r.xml=<testsuite/>"], {"junit": "/r.xml"}, "no test in /r.xml"),
        (["file=/r.xml=<testsuite>"], {"junit": "/r.xml"}, "/r.xml: r.xml, line 1: no element"),
        (
            ["file=/r.xml=<!DOCTYPE x [<!ENTITY a \"b\">]><testsuite name='&a;'/>"],
            {"junit": "/r.xml"},
            "r.xml, line 1: it states a document type (DOCTYPE), which is not read",
        ),
        (
            ["folder=/r", "large=/r/video=65", f"file=/r/a.xml={PASSED}"],
            {"junit": "/r"},
            "/r: it holds more than 64 MiB",
        ),
    ],
)
def test_it_fails_and_says_why(
    instructions: list[str], parts: dict[str, Any], actual: str, beside: Asked
) -> None:
    outcome = beside(*instructions, **parts)

    assert not outcome.passed
    assert actual in outcome.actual


def test_several_files_and_folders_are_one_report_from_a_volume_too(beside: Asked) -> None:
    outcome = beside(
        *("folder=/v/deep", f"file=/v/a.xml={PASSED}", f"file=/v/deep/B.XML={FAILED}"),
        *("file=/v/notes.txt=none",),
        junit="/v",
        needs=ContainerNeeds(volumes=["/v"]),
    )

    assert [test.test for test in outcome.tests] == ["s.b", "s.a"]
    assert outcome.tests[0].message == "no"


def test_what_is_at_the_end_of_a_long_output_is_found(beside: Asked) -> None:
    assert beside("flood=2", "out=all passed", output_pattern="all passed").passed


def test_it_is_confined_as_an_app_is(beside: Asked) -> None:
    needs = ContainerNeeds(user="65532", read_only=True, tmpfs_bytes={"/tmp": 1 << 20})
    outcome = beside(
        *("env=GREETING", "file=/x=1"),
        environment={"GREETING": "hello"},
        needs=needs,
        exit_status=9,
        output_pattern=r"GREETING=hello\n/x: (Read-only file system|Permission denied)",
    )

    assert outcome.passed, outcome.actual


def test_one_that_fills_the_disk_is_killed(app: str, tests: str, tmp_path: Path) -> None:
    policy = replace(everything_allowed(), disk_limit_bytes=128 << 20)
    with running(tmp_path, app, policy) as (runtime, instance, port):
        outcome = outcome_of(runtime, instance, port, check_of(tests, "fill=/x"))

    assert not outcome.passed
    assert "killed: it wrote" in outcome.actual


def test_a_program_that_is_not_there_is_no_fault_of_the_app(
    app: str, tests: str, tmp_path: Path
) -> None:
    check = check_of(tests)
    check.container.container.entrypoint[:] = ["/bin/absent"]
    with (
        running(tmp_path, app) as (runtime, instance, port),
        pytest.raises(RuntimeFault, match="could not be started: gate: exec of /bin/absent") as no,
    ):
        outcome_of(runtime, instance, port, check)

    assert no.value.code == FailureCode.FAILURE_CODE_ENGINE


def test_an_app_that_ends_takes_its_tests_along(app: str, tests: str, tmp_path: Path) -> None:
    with running(tmp_path, app) as (runtime, instance, port):
        check = check_of(tests, "wait", timeout_seconds=60)
        with when_it_runs(instance.kill):
            outcome = outcome_of(runtime, instance, port, check)

        assert instance.exited() is not None
    assert outcome.actual.startswith("killed, since the app had ended")


def test_a_cancelled_run_ends_it_at_once(app: str, tests: str, tmp_path: Path) -> None:
    cancelled = Cancellation()
    with running(tmp_path, app, cancelled=cancelled) as (runtime, instance, port):
        check = check_of(tests, "wait", timeout_seconds=60)
        with (
            when_it_runs(cancelled.set),
            pytest.raises((RuntimeFault, Cancelled), match="cancelled"),
        ):
            outcome_of(runtime, instance, port, check, cancelled)

    assert runtime.left_behind == []


def test_what_a_killed_agent_left_of_it_is_removed_by_the_next(tests: str, tmp_path: Path) -> None:
    name = f"headstart-{RUN}-1-t1-check-1"
    label = f"{LABEL_STATE}={state_id(tmp_path)}"
    argv = ["docker", "run", "-d", "--pull=never", "--name", name, "--label", label, "--net=none"]
    subprocess.run([*argv, tests, "app", "wait"], check=True, capture_output=True)
    with closing(DockerRuntime.connect(tmp_path, everything_allowed())) as runtime:
        assert runtime.remove_orphans() == [name]

    assert names("check-1") == []
