"""Whatever call a Docker Engine does not answer, and what hangs in containers: a cancel ends it."""

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headstart.agent.agent import Agent, AgentConfig
from headstart.agent.instances import LABEL_STATE, state_id
from headstart.v1.fleet_pb2 import Attempt
from support.hanging import (
    assert_ended,
    assert_nothing_left,
    batch,
    cancel_when,
    doing,
    is_open,
    left_of,
    loaded,
    twice,
)
from support.images import build_app, image_of
from support.policies import everything_allowed
from support.proxies import SilentProxy, silent_proxy
from support.running import experiment, free_port
from support.waiting import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.compiler]

ENGINE = "/var/run/docker.sock"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-cancel:{os.getpid()}") as name:
        yield name


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., SilentProxy]]:
    """An engine that does not answer certain requests, or nothing more after one."""
    with tempfile.TemporaryDirectory() as folder:
        opened = []

        def silent(pattern: str, for_good: bool = False) -> SilentProxy:
            opened.append(silent_proxy(Path(folder), ENGINE, pattern, for_good))
            proxy = opened[-1].__enter__()
            monkeypatch.setenv("DOCKER_HOST", proxy.address)
            return proxy

        yield silent
        for each in opened:
            each.__exit__(None, None, None)


def container(image: str, *arguments: str, **parts: Any) -> dict[str, Any]:
    port = free_port()
    argv = ["app", *(each.format(port=port) for each in arguments)]
    asked = experiment(port, twice({"image": image, "entrypoint": argv}), **parts)
    return asked | {"service": asked["service"] | {"ready": {"request": "GET /"}}}


@pytest.mark.parametrize(
    "request_line",
    [
        pytest.param(r"^POST \S+/containers/create", id="creating"),
        pytest.param(r"^POST \S+/start", id="starting"),
        pytest.param(r"^GET \S+/containers/\w+/json", id="looking"),
        pytest.param(r"^GET \S+/images/\S+/get", id="reading-an-image"),
        pytest.param(r"^GET \S+/images/\S+/json", id="resolving-an-image"),
    ],
)
def test_a_call_that_the_engine_does_not_answer(
    request_line: str,
    image: str,
    silent: Callable[..., SilentProxy],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = silent(request_line)
    ended = cancel_when(
        lambda _held: engine.silent.is_set(), container(image, "listen={port}"), tmp_path
    )

    assert_nothing_left(ended)
    assert [each.exc_info for each in caplog.records if each.exc_info] == []


@pytest.mark.parametrize(
    "request_line",
    [
        pytest.param(r"^POST \S+/start", id="from-the-start-on"),
        pytest.param(r"^DELETE ", id="from-the-removal-on"),
    ],
)
def test_an_engine_that_hangs_for_good_leaves_a_dead_container_that_is_named(
    request_line: str, image: str, silent: Callable[..., SilentProxy], tmp_path: Path
) -> None:
    engine = silent(request_line, for_good=True)
    ended = cancel_when(
        lambda _held: engine.silent.is_set(), container(image, "listen={port}"), tmp_path
    )
    for left in ended.left:
        subprocess.run(["docker", "-H", f"unix://{ENGINE}", "rm", "-f", left], check=True)

    assert_ended(ended)
    assert len(ended.left) == 1
    assert "did not remove headstart-" in ended.outcomes[0].reason
    assert "before its next run" in ended.outcomes[0].reason


def test_what_an_engine_did_not_remove_is_removed_before_the_next_run(
    image: str,
    silent: Callable[..., SilentProxy],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    agent = Agent(AgentConfig("unix:/nowhere", tmp_path / "agent", "here", everything_allowed()))
    engine = silent(r"^POST \S+/start", for_good=True)
    asked = loaded(container(image, "wait"), tmp_path)
    agent.runs.start(Attempt(run_id="first", attempt=1), asked, ask=lambda _: None)
    assert engine.silent.wait(60)
    agent.runs.give_all_back("enough")
    left = left_of(tmp_path / "agent")
    monkeypatch.delenv("DOCKER_HOST")
    agent.runs.start(Attempt(run_id="second", attempt=1), asked, ask=lambda _: None)
    held = agent.runs.get(Attempt(run_id="second", attempt=1))
    assert held is not None
    wait_until(lambda: "startup" in held.progress.doing)
    names = names_of(tmp_path / "agent")
    agent.runs.give_all_back("enough")
    after = left_of(tmp_path / "agent")
    asyncio.run(closed(agent))

    assert len(left) == 1
    assert names == ["headstart-second-1-t1"]
    assert after == []


def names_of(state: Path) -> list[str]:
    label = f"label={LABEL_STATE}={state_id(state)}"
    asked = ["docker", "ps", "-a", "--format", "{{.Names}}", "--filter", label]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()


async def closed(agent: Agent) -> None:
    agent.stop()
    await agent.run()


def test_a_start_in_a_container(image: str, tmp_path: Path) -> None:
    ended = cancel_when(doing("startup"), container(image, "wait"), tmp_path)

    assert_nothing_left(ended)


def test_a_batch_job_in_a_container(image: str, tmp_path: Path) -> None:
    asked = batch(
        variants=twice({"image": image, "entrypoint": ["app"]}),
        service={"ready": {"command": ["out=batch"], "output": "batch"}},
        jobs={"short": {"args": ["wait"], "timeout": "500s"}},
    )
    ended = cancel_when(doing("short job"), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_container_with_tests(image: str, tmp_path: Path) -> None:
    asked = container(image, "listen={port}")
    asked["service"]["checks"] = [{"image": image, "entrypoint": ["app", "wait"]}]
    ended = cancel_when(doing("checks"), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_search_for_a_memory_floor(image: str, tmp_path: Path) -> None:
    asked = container(image, "listen={port}", plan={"blocks": 1, "memory_floor": {"load": "100s"}})
    ended = cancel_when(doing("memory floor"), asked, tmp_path)

    assert_nothing_left(ended)


@pytest.mark.parametrize("kind", ["classic", "buildkit"])
def test_a_step_of_a_build(kind: str, image: str, tmp_path: Path) -> None:
    asked = building(tmp_path, f'FROM {image}\nRUN ["app", "wait"]\n', kind)
    ended = cancel_when(doing('RUN ["app", "wait"]'), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_context_without_end(image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = building(tmp_path, f"FROM {image}\n", "classic")
    huge = tmp_path / "context" / "huge"
    huge.touch()
    # As much as is taken; more is refused before it is opened.
    os.truncate(huge, 7 << 30)
    ended = cancel_when(lambda _held: is_open(huge), asked, tmp_path)

    assert_nothing_left(ended)


def test_a_build_that_the_engine_does_not_take(
    image: str, silent: Callable[..., SilentProxy], tmp_path: Path
) -> None:
    engine = silent(r"^POST \S+/build")
    asked = building(tmp_path, f"FROM {image}\n", "classic")
    ended = cancel_when(lambda _held: engine.silent.is_set(), asked, tmp_path)

    assert_nothing_left(ended)


def building(folder: Path, dockerfile: str, kind: str) -> dict[str, Any]:
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile)
    port = free_port()
    build = {"context": str(context), "builder": kind}
    return experiment(port, twice({"build": build}))
