"""What an experiment needs of its host and does not find is told at once, each by its place."""

import os
import platform
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from headstart.agent.cancellation import Cancellation
from headstart.agent.engine.engine import Engine
from headstart.agent.engine.resolution import resolve_image
from headstart.agent.linux.affinity import usable_cpus
from headstart.agent.policy.policy import Policy
from headstart.agent.run import execute
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.obstacles import FilePath, Obstacle
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial import needs
from headstart.agent.trial.needs import Host, obstacles
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.spool import Spool
from headstart.v1.experiment_pb2 import (
    Build,
    Check,
    Command,
    CommandCheck,
    Experiment,
    HttpCheck,
    Load,
    Network,
    PageCache,
    Plan,
    Service,
    Variant,
)
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import FailureCode, RunStatus
from support.running import free_port
from support.spools import KeptSpool

SLEEPS = Command(argv=["/bin/sleep", "1"], working_directory="/")


class FewImages:
    """An engine that holds the images it is given."""

    def __init__(self, **images: dict[str, Any]) -> None:
        self.images = images

    def image(self, reference: str) -> dict[str, Any] | None:
        return self.images.get(reference.partition(":")[0])

    def is_rootless(self) -> bool:
        return False

    def close(self) -> None:
        pass


def engine(**images: dict[str, Any]) -> Engine:
    return cast("Engine", FewImages(**images))


def image(**parts: Any) -> dict[str, Any]:
    return {"Id": f"sha256:{'a' * 64}", "Config": {"Cmd": ["/app"]}} | parts


def stated(*variants: Variant, port: int = 0, **parts: Any) -> Experiment:
    service = parts.pop("service", Service(port=port or free_port()))
    return Experiment(
        name="needy",
        baseline="a",
        variants=variants or [Variant(name="a", command=SLEEPS)],
        service=service,
        **parts,
    )


@pytest.fixture
def table(tmp_path: Path) -> Iterator[RuntimeTable]:
    policy = Policy(images=("*",), commands=True, builds=True)
    docker = DockerRuntime(tmp_path, policy, engine(here=image()))
    found = RuntimeTable({"process": ProcessRuntime(tmp_path, policy), "docker": docker})
    yield found
    for runtime in found.by_name.values():
        runtime.close()


def found_for(experiment: Experiment, runtimes: RuntimeTable) -> list[Obstacle]:
    policy = Policy(images=("*",), commands=True, builds=True)
    return obstacles(Host(experiment, runtimes, policy.commands, policy.network_refusal))


def only(found: list[Obstacle]) -> Obstacle:
    (one,) = found
    return one


def test_nothing_is_in_the_way_of_what_can_be_run(table: RuntimeTable) -> None:
    variants = Variant(name="a", command=SLEEPS), Variant(name="b", image="here:1")

    assert found_for(stated(*variants), table) == []


def test_an_image_that_the_engine_does_not_hold_is_told_with_how_to_get_it(
    table: RuntimeTable,
) -> None:
    missing = only(found_for(stated(Variant(name="aot", image="gone:1")), table))

    assert missing.path == ("variants", "aot", "image")
    assert missing.variant == "aot"
    assert missing.code == FailureCode.FAILURE_CODE_IMAGE_MISSING
    assert "docker pull gone:1" in missing.message


def test_without_an_engine_images_are_told_why(table: RuntimeTable) -> None:
    runtimes = RuntimeTable({"process": table.by_name["process"]}, missing={"docker": "it is off"})
    variants = Variant(name="a", command=SLEEPS), Variant(name="b", image="here:1")
    missing = only(found_for(stated(*variants), runtimes))

    assert missing.path == ("variants", "b", "image")
    assert missing.message == "it is off"


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"Architecture": "s390x", "Os": "linux"}, "is for linux/s390x"),
        ({"Architecture": "amd64", "Os": "windows"}, "is for windows/amd64"),
        ({"Architecture": "", "Os": ""}, ""),
        ({"Architecture": {"x86_64": "386"}.get(platform.machine(), "")}, ""),
    ],
)
def test_an_image_for_another_kind_of_host_is_not_emulated(
    parts: dict[str, str], says: str
) -> None:
    holds = engine(here=image(**parts))
    resolved = resolve_image(holds, Policy(images=("*",)), Variant(name="a", image="here:1"))

    assert resolved.HasField("failure") == bool(says)
    assert says in resolved.failure.message
    assert not says or "--platform linux/" in resolved.failure.message


@pytest.mark.parametrize(
    ("command", "path", "says"),
    [
        (Command(argv=["/none/app"]), (), "no program /none/app"),
        (Command(argv=["no-such-program"]), (), "in PATH"),
        (Command(argv=["/etc/passwd"]), (), "no program /etc/passwd that can be executed"),
        (Command(argv=["true"], working_directory="/none"), (), "directory /none does not exist"),
        (Command(argv=[sys.executable, "none.py"]), (1,), "there is no file none.py in /"),
    ],
)
def test_what_a_command_lacks_is_told(
    table: RuntimeTable, command: Command, path: FilePath, says: str
) -> None:
    missing = only(found_for(stated(Variant(name="a", command=command)), table))

    assert missing.path == ("variants", "a", "command", *path)
    assert says in missing.message


@pytest.mark.parametrize(
    ("build", "key"),
    [
        (Build(context="/none"), "context"),
        (Build(context="/tmp", dockerfile="Dockerfile.none"), "dockerfile"),
    ],
)
def test_a_build_that_has_nothing_to_read_is_told(
    table: RuntimeTable, build: Build, key: str
) -> None:
    missing = only(found_for(stated(Variant(name="a", build=build)), table))

    assert missing.path == ("variants", "a", "build", key)


def test_an_image_that_is_yet_to_be_built_is_not_missed(
    table: RuntimeTable, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").touch()
    build = Build(context=str(tmp_path))

    assert found_for(stated(Variant(name="a", build=build)), table) == []


def test_a_check_whose_program_is_missing_is_told(table: RuntimeTable) -> None:
    checks = [
        Check(name="here", command=CommandCheck(argv=["true"])),
        Check(name="gone", command=CommandCheck(argv=["/none/tests.sh"])),
    ]
    service = Service(port=free_port(), checks=checks)
    missing = only(found_for(stated(service=service), table))

    assert missing.path == ("service", "checks", 1, "command")
    assert "/none/tests.sh" in missing.message


@pytest.mark.parametrize(
    ("variant", "network", "is_told"),
    [
        (Variant(name="a", command=SLEEPS), Network.NETWORK_OWN, True),
        (Variant(name="a", image="here:1"), Network.NETWORK_HOST, True),
        (Variant(name="a", image="here:1"), Network.NETWORK_HOLDER, False),
    ],
)
def test_a_port_in_use_is_told_with_its_holder_where_the_app_needs_it_of_the_host(
    table: RuntimeTable, variant: Variant, network: Network.ValueType, is_told: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        experiment = stated(variant, port=port, plan=Plan(network=network))
        host = Host(experiment, table, True, lambda _network: None)
        found = [each for each in obstacles(host) if each.path == ("service", "port")]

    assert bool(found) == is_told
    assert all(f"(pid {os.getpid()})" in each.message for each in found)


def test_another_port_that_is_asked_is_to_be_free_too(table: RuntimeTable) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        own = Check(name="own", http=HttpCheck(port=taken.getsockname()[1]))
        service = Service(port=free_port(), checks=[Check(name="app"), own])
        found = only(found_for(stated(service=service), table))

    assert found.path == ("service", "checks", 1, "port")
    assert found.message.endswith("stop it, or choose another service.checks[1].port")


def test_cpus_that_cannot_be_used_are_told_by_their_key(table: RuntimeTable) -> None:
    plan = Plan(server_cpus="9998", load_cpus="0,9999")
    server, load = found_for(stated(plan=plan), table)

    assert (server.path, load.path) == (("plan", "cpus", "server"), ("plan", "cpus", "load"))
    assert "no CPU 9998" in server.message
    assert "no CPU 9999" in load.message


def test_the_kernel_is_asked_which_cpus_may_be_used_and_nothing_is_moved() -> None:
    before = os.sched_getaffinity(0)

    assert before <= usable_cpus()
    assert os.sched_getaffinity(0) == before


def test_a_load_driver_that_is_not_installed_is_told(
    table: RuntimeTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = only(found_for(stated(load=Load(driver="h2load", duration_seconds=1)), table))

    assert missing.path == ("load", "driver")
    assert "nghttp2-client" in missing.message


def test_limits_beyond_the_host_or_the_engine_are_told(table: RuntimeTable) -> None:
    variant = Variant(name="a", image="here:1")
    too_much = Plan(memory_limit_bytes=1 << 50, cpu_limit=5000)
    too_little = Plan(memory_limit_bytes=1 << 20)

    memory, cpu = found_for(stated(variant, plan=too_much), table)
    assert (memory.path, cpu.path) == (("plan", "memory"), ("plan", "cpu_limit"))
    assert "1024 TiB" in memory.message
    assert "6 MiB" in only(found_for(stated(variant, plan=too_little), table)).message


def test_what_two_runtimes_say_of_the_plan_is_told_once(table: RuntimeTable) -> None:
    variants = Variant(name="a", command=SLEEPS), Variant(name="b", image="here:1")
    found = found_for(stated(*variants, plan=Plan(memory_limit_bytes=1 << 50)), table)

    assert [each.path for each in found if each.blocks] == [("plan", "memory")]


def test_limits_that_do_not_hold_are_told_and_keep_nothing_from_being_measured(
    table: RuntimeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ProcessRuntime, "_open_cgroups", lambda _self: None)
    warning = only(found_for(stated(plan=Plan(memory_limit_bytes=1 << 28)), table))

    assert not warning.blocks
    assert "do not hold" in warning.message


@pytest.mark.parametrize("may", [True, False])
def test_a_page_cache_that_stays_warm_is_told(
    table: RuntimeTable, monkeypatch: pytest.MonkeyPatch, may: bool
) -> None:
    monkeypatch.setattr(needs, "may_drop_page_cache", lambda: may)
    found = found_for(stated(plan=Plan(page_cache=PageCache.PAGE_CACHE_COLD)), table)

    assert [(each.path, each.blocks) for each in found] == [
        (("plan", "page_cache"), False) for _ in range(not may)
    ]


def ended(tmp_path: Path, experiment: Experiment) -> KeptSpool:
    """What an agent records of a run."""
    policy = Policy(commands=True)
    spool = KeptSpool(tmp_path / "spool")
    tools = Tools(
        spool,
        lambda cancelled: RuntimeTable({"process": ProcessRuntime(tmp_path, policy, cancelled)}),
        lambda _server, _load: HostFacts(host="here"),
        commands_allowed=True,
    )
    execute(HeldRun("needy", 1, experiment, lambda _: None, Cancellation()), tools)
    Spool.close(spool)
    return spool


PAIR = (
    Variant(name="a", command=SLEEPS),
    Variant(name="b", command=Command(argv=["/none/b"])),
    Variant(name="c", command=Command(argv=["/none/c"])),
)


def test_an_agent_measures_nothing_while_something_is_missing_and_gives_all_reasons(
    tmp_path: Path,
) -> None:
    spool = ended(tmp_path, stated(*PAIR, plan=Plan(blocks=1)))
    first, last = spool.records[0].run_started, spool.records[-1].run_outcome

    assert last.status == RunStatus.RUN_STATUS_FAILED
    assert last.trials == 0
    assert "/none/b" in last.reason
    assert "/none/c" in last.reason
    assert "plan.keep_going" in last.reason
    assert [v.variant for v in first.variants if v.HasField("failure")] == ["b", "c"]


def test_an_agent_measures_what_it_can_where_the_plan_says_so(tmp_path: Path) -> None:
    plan = Plan(blocks=1, keep_going=True)
    service = Service(port=free_port(), startup_timeout_seconds=0.2)
    spool = ended(tmp_path, stated(*PAIR, service=service, plan=plan))
    last = spool.records[-1].run_outcome

    assert last.status == RunStatus.RUN_STATUS_DONE
    assert last.trials == 1
