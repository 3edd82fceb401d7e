"""`headstart run` of variants that it builds: as a user runs it, to the report and the clean-up."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.images import build_app, image_of
from support.running import HEADSTART, experiment, free_port, headstart, run
from support.trees import write_tree
from support.waiting import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.compiler]

NAME = f"builds-{os.getpid()}"
WARNING = "/src/Model.cs(7,1): warning IL2026: Using member 'AutoMapper.Mapper.Map()' which"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program = build_app(tmp_path_factory.mktemp("app"))
    with image_of(program, f"headstart-test-run:{os.getpid()}") as name:
        yield name
    for image in images():
        subprocess.run(["docker", "rmi", "-f", image], check=True, capture_output=True)


def images() -> list[str]:
    command = ["docker", "images", "-q", f"headstart/{NAME}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def building(folder: Path, base: str, port: int, **steps: list[str]) -> dict[str, Any]:
    """An experiment whose variants are built on the base with these steps, and serve."""
    serve = f'ENTRYPOINT ["app", "listen={port}"]'
    files = {
        f"Dockerfile.{name}": "\n".join([f"FROM {base}", *lines, serve, ""])
        for name, lines in steps.items()
    }
    write_tree(folder, files)
    variants = {
        name: {"build": {"dockerfile": f"Dockerfile.{name}", "network": "none"}} for name in steps
    }
    service = {
        "ready": "GET /",
        "checks": [{"name": "maps", "request": "GET / -> 200", "covers": ["AutoMapper"]}],
    }
    content = experiment(port, variants, service=service, plan={"blocks": 2})
    return content | {"experiment": NAME}


def test_variants_are_built_run_and_reported(base: str, tmp_path: Path) -> None:
    content = building(
        tmp_path,
        base,
        free_port(),
        jit=['RUN ["app", "out=compiling"]'],
        aot=[f'RUN ["app", "err={WARNING}"]'],
        broken=['RUN ["app", "err=no such compiler", "exit=4"]'],
    )
    ran = run(tmp_path, content)
    report = ran.report()
    (folder,) = (tmp_path / "data" / "reports").iterdir()
    printed = headstart("report", folder.name, "--help")

    assert ran.status == 1, ran.errors
    assert ran.variant("aot")["outcome"] == "measured"
    assert ran.variant("broken")["outcome"] == "does not build"
    assert "no such compiler" in ran.variant("broken")["failure_message"]
    assert [(b["variant"], bool(b["failure_message"])) for b in report["builds"]] == [
        ("jit", False),
        ("aot", False),
        ("broken", True),
    ]
    groups = {found["variant"]: found["groups"] for found in report["diagnostics"]}
    (group,) = groups["aot"]
    assert groups["jit"] == []
    assert (group["package"], group["category"]) == ("AutoMapper", "suppressible")
    assert group["reason"] == "exercised by the check maps, which passes"
    log = (folder / "build.log").read_text()
    assert "compiling\n" in log
    assert "=== broken: clean build 1" in log
    assert "no such compiler\n" in log
    assert "build-logs" in printed.output
    assert len(images()) == 2


def test_ctrl_c_amid_a_build_leaves_nothing_running(base: str, tmp_path: Path) -> None:
    mark = f"out=stay-{os.getpid()}"
    content = building(tmp_path, base, free_port(), jit=[f'RUN ["app", "{mark}", "wait"]'], aot=[])
    file = tmp_path / "experiment.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))

    def steps() -> list[str]:
        found = []
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = entry.read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0] == b"app" and f"stay-{os.getpid()}".encode() in words:
                found.append(str(entry))
        return found

    arguments: list[str | Path] = [HEADSTART, "run", file, "--data", tmp_path / "data"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            wait_until(lambda: bool(steps()), 60)
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    wait_until(lambda: steps() == [])

    assert process.returncode == 130
    assert b"cancelled" in output
    assert not (tmp_path / "data" / "agent" / "builds").exists()
