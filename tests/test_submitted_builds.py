"""A collector and two agents, and builds whose contexts no agent can see: sent by the submitter."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.git_serving import commit, git_server
from support.images import build_app, image_of
from support.running import HEADSTART, Ran, experiment, free_port, headstart
from support.trees import write_tree
from support.waiting import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.compiler]

NAME = f"submitted-{os.getpid()}"
HOSTS = ("alpha", "beta")
# The figures are nobody's: no need to wait for others on this machine.
GO_ON = ("--if-busy", "go-on")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-submitted:{os.getpid()}") as name:
        yield name
    listed = ["docker", "images", "-q", f"headstart/{NAME}"]
    for image in subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split():
        subprocess.run(["docker", "rmi", "-f", image], check=True, capture_output=True)


@contextmanager
def program(log: Path, *arguments: str | Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Start `headstart ...`, its words in a file."""
    with (
        log.open("ab") as said,
        subprocess.Popen([HEADSTART, *arguments], stderr=said) as process,
    ):
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)


def collector(folder: Path, *options: str) -> Any:
    target = f"unix:{folder / 'collector.sock'}"
    arguments = ("--data", folder / "store", "--listen", target, "--metrics-listen", "none")
    return program(folder / "collector.log", "collector", *arguments, *options)


def agent(folder: Path, host: str, policy: str = "builds = true\n") -> Any:
    (folder / f"{host}.toml").write_text(policy)
    target = f"unix:{folder / 'collector.sock'}"
    arguments = ("--collector", target, "--host", host, "--state", folder / host)
    options = ("--policy", folder / f"{host}.toml", *GO_ON)
    return program(folder / f"{host}.log", "agent", *arguments, *options)


def attends(folder: Path, *hosts: str) -> None:
    """Wait for the collector and these agents."""

    def connected() -> bool:
        found = headstart("status", "--collector", f"unix:{folder / 'collector.sock'}", "--json")
        if found.status:
            return False
        states = json.loads(found.output)["hosts"]
        return {s["host"]["host"] for s in states if s.get("connected")} >= set(hosts)

    wait_until(connected, 30)


@contextmanager
def fleet(folder: Path, *options: str, policies: dict[str, str] | None = None) -> Iterator[None]:
    """A collector, and the agents alpha and beta."""
    with ExitStack() as stack:
        stack.enter_context(collector(folder, *options))
        wait_until((folder / "collector.sock").exists, 30)
        for host in HOSTS:
            stack.enter_context(agent(folder, host, (policies or {}).get(host, "builds = true\n")))
        attends(folder, *HOSTS)
        yield


def submit(folder: Path, file: Path, *options: str) -> Ran:
    return headstart("submit", file, "--collector", f"unix:{folder / 'collector.sock'}", *options)


def report(folder: Path, run_id: str) -> dict[str, Any]:
    """Wait for the end of a run; its report."""
    target = f"unix:{folder / 'collector.sock'}"
    headstart("watch", run_id, "--collector", target)
    said = headstart("report", run_id, "--format", "json", "--collector", target)
    return Ran(said.status, said.output, said.errors).report()


def source(folder: Path, base: str, **build: Any) -> Path:
    """A file with a context beside it, whose builds print what they are made of."""
    serve = f'ENTRYPOINT ["app", "listen={PORT}"]\n'
    write_tree(
        folder,
        {
            "src/Dockerfile": f"FROM {base}\nCOPY data /data\n{serve}",
            "src/data": "a" * 5000,
            "src/.dockerignore": "obj\n",
            "src/obj/large": os.urandom(300_000),
        },
    )
    variants = {name: {"build": {"context": "src", "network": "none"} | build} for name in "ab"}
    content = experiment(PORT, variants, plan={"blocks": 1}) | {"experiment": NAME}
    file = folder / "experiment.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    return file


PORT = free_port()


def contexts(folder: Path) -> list[str]:
    """All files of contexts, at the collector and the agents."""
    places = ("store/contexts", *(f"{host}/contexts" for host in HOSTS))
    return sorted(p.name for place in places for p in (folder / place).rglob("*") if p.is_file())


def test_a_folder_that_no_agent_can_see_is_built_on_every_host(base: str, tmp_path: Path) -> None:
    file = source(tmp_path / "mine", base)
    with fleet(tmp_path):
        submitted = submit(tmp_path, file)
        in_place = headstart("run", file, "--data", tmp_path / "data", "--json", *GO_ON)
        shutil.rmtree(tmp_path / "mine")
        runs = [line.split()[0] for line in submitted.output.splitlines()]
        reports = [report(tmp_path, run) for run in runs]
        target = f"unix:{tmp_path / 'collector.sock'}"
        words = headstart("report", runs[0], "--format", "markdown", "--collector", target).output
        kept = contexts(tmp_path)

    said = re.fullmatch(
        r"context of a, b: 3 files and folders, 10,240 bytes, sha256:([0-9a-f]{64}) \(sent\)",
        submitted.errors.strip(),
    )
    assert said is not None, submitted.errors
    assert len(reports) == 2
    for each in reports:
        assert [v["outcome"] for v in each["variants"]] == ["measured"] * 2, each["variants"]
        assert [b["context_sha256"] for b in each["builds"]] == [said[1]] * 2
    assert f"sha256:{said[1]}" in words
    assert {b["context_sha256"] for b in in_place.report()["builds"]} == {said[1]}
    assert kept == [said[1]]


def test_an_agent_that_was_killed_amid_a_build_removes_the_context_when_it_starts(
    base: str, tmp_path: Path
) -> None:
    file = source(tmp_path / "mine", base)
    dockerfile = tmp_path / "mine/src/Dockerfile"
    dockerfile.write_text(f'FROM {base}\nRUN ["app", "out=it waits", "wait"]\n')
    target = f"unix:{tmp_path / 'collector.sock'}"
    with ExitStack() as stack:
        stack.enter_context(collector(tmp_path))
        wait_until((tmp_path / "collector.sock").exists, 30)
        with agent(tmp_path, "alpha") as killed:
            attends(tmp_path, "alpha")
            (run,) = [line.split()[0] for line in submit(tmp_path, file).output.splitlines()]
            wait_until(lambda: any((tmp_path / "alpha/contexts").glob("*/tree/data")), 60)
            killed.kill()
        headstart("cancel", run, "--collector", target)
        left = contexts(tmp_path)
        again = submit(tmp_path, file)
        for line in again.output.splitlines():
            headstart("cancel", line.split()[0], "--collector", target)
        with agent(tmp_path, "alpha"):
            attends(tmp_path, "alpha")
            now = contexts(tmp_path)

    assert "data" in left
    assert "(the collector has it)" in again.errors
    assert len(now) == 1
    assert re.search(r"removed context [0-9a-f]{64}", (tmp_path / "alpha.log").read_text())


def test_a_commit_is_built_where_the_policy_allows_its_repository(
    base: str, tmp_path: Path
) -> None:
    file = source(tmp_path / "mine", base)
    sha = commit(tmp_path / "git/team/app", {"other/x": ""})
    shutil.copytree(tmp_path / "mine/src", tmp_path / "git/team/app/src")
    sha = commit(tmp_path / "git/team/app", {})
    (tmp_path / "git/team/app/src/Dockerfile").write_text("FROM nothing")
    commit(tmp_path / "git/team/app", {})
    with git_server(tmp_path / "git") as server:
        url = f"{server.address}/team/app"
        content = yaml.safe_load(file.read_text())
        for variant in content["variants"].values():
            variant["build"] |= {"git": url, "commit": sha}
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        policies = {"alpha": f'builds = true\ngit = ["{server.address}/team/*"]\n'}
        with fleet(tmp_path, policies=policies):
            submitted = submit(tmp_path, file)
            runs = [line.split()[0] for line in submitted.output.splitlines()]
            found = {each["host"]["name"]: each for each in (report(tmp_path, r) for r in runs)}
            left = contexts(tmp_path)
        checked = headstart("check", file)
        local = headstart("run", file, "--data", tmp_path / "data", "--json", *GO_ON)

    alpha, beta = found["alpha"], found["beta"]
    assert submitted.errors == ""
    assert [v["outcome"] for v in alpha["variants"]] == ["measured"] * 2, alpha["variants"]
    for each in (alpha, local.report()):
        built = {(b["git_url"], b["git_commit"], b["context_sha256"]) for b in each["builds"]}
        assert built == {(url, sha, "")}
    assert beta["reason"].count("no pattern of the policy of this host fits (git: none)") == 2
    assert left == []
    assert checked.status == 0
    assert f"a: the run fetches {url} at {sha}" in checked.output


def test_a_context_that_is_gone_measures_nothing_and_is_told_as_such(
    base: str, tmp_path: Path
) -> None:
    file = source(tmp_path / "mine", base)
    with ExitStack() as stack:
        stack.enter_context(collector(tmp_path))
        wait_until((tmp_path / "collector.sock").exists, 30)
        with agent(tmp_path, "alpha"):
            attends(tmp_path, "alpha")
        # The host is known, and its agent away: the run waits.
        (run,) = [line.split()[0] for line in submit(tmp_path, file).output.splitlines()]
        for path in (tmp_path / "store/contexts").iterdir():
            if path.is_file():
                path.unlink()
        stack.enter_context(agent(tmp_path, "alpha"))
        found = report(tmp_path, run)

    assert found["state"] == "failed"
    assert [v["outcome"] for v in found["variants"]] == ["build context missing"] * 2
    assert found["reason"].startswith(
        "a: the context that was submitted could not be brought here: the collector says: the"
        " collector does not have the context any more: submit the file again"
    )
    assert found["builds"] == []
