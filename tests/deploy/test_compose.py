"""deploy/compose: what its file says, and all of it that can be had here, run by compose."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from headstart.dashboards.generate import RULES_FILE
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy/compose"
VERSION = version("headstart")
TEMPLATES = Path("/usr/share/prometheus/alertmanager")
PROGRAMS = {"prometheus": "prometheus", "alertmanager": "prometheus-alertmanager"}


def ran(*command: str | Path, folder: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def compose(folder: Path, *arguments: str, **environment: str) -> str:
    return ran("docker", "compose", *arguments, folder=folder, **environment)


def yaml_of(path: str) -> Any:
    return yaml.safe_load((ROOT / "deploy" / path).read_text())


@pytest.mark.compose
def test_compose_reads_the_file_and_what_it_mounts_is_there() -> None:
    read = json.loads(compose(COMPOSE, "config", "--format", "json", ADVERTISE="collector.example"))

    mounted = [
        Path(volume["source"])
        for service in read["services"].values()
        for volume in service["volumes"]
        if volume["type"] == "bind"
    ]
    assert [str(path) for path in mounted if not path.exists()] == []
    assert len(mounted) == 6
    # What its containers are given is seen by whoever may list them.
    given = [service.get("environment", {}) for service in read["services"].values()]
    spelt = {name for each in given for name in each if "PASSWORD" in name or "TOKEN" in name}
    assert {name for name in spelt if not name.endswith("_FILE")} == set()


def test_each_variable_of_the_file_is_in_the_example_of_an_environment() -> None:
    example = (COMPOSE / ".env.example").read_text()
    named = {part.split(":")[0] for part in (COMPOSE / "compose.yaml").read_text().split("${")[1:]}

    assert [name for name in named if f"{name}=" not in example] == []


def test_prometheus_and_grafana_are_told_what_the_generated_examples_say_by_other_names() -> None:
    prometheus, example = yaml_of("compose/prometheus.yml"), yaml_of("prometheus/prometheus.yml")
    source = yaml_of("compose/datasources.yml")
    (job,) = prometheus["scrape_configs"]

    assert job.pop("authorization") == {"credentials_file": "/run/secrets/metrics-token"}
    for made, port in ((prometheus["alerting"]["alertmanagers"][0], 9093), (job, 9470)):
        name = "alertmanager" if port == 9093 else "collector"
        assert made["static_configs"] == [{"targets": [f"{name}:{port}"]}]
        made["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    assert prometheus == example
    source["datasources"][0]["url"] = "http://127.0.0.1:9090"
    assert source == yaml_of("grafana/provisioning/datasources/headstart.yml")


@pytest.fixture
def folder(short_path: Path) -> Iterator[Path]:
    """What is followed to the letter, with images of Debian's programs in public ones' place."""
    for part in ("deploy/compose", "deploy/alertmanager", "deploy/grafana", "dashboards/generated"):
        shutil.copytree(ROOT / part, short_path / part, ignore=shutil.ignore_patterns("secrets"))
    folder = short_path / "deploy/compose"
    project = f"headstart-test-{secrets.token_hex(4)}"
    images = {name: f"{project}-{name}" for name in PROGRAMS}
    settings = {f"{name.upper()}_IMAGE": image for name, image in images.items()}
    settings |= {"COLLECTOR_IMAGE": f"headstart-collector:{VERSION}", "ADVERTISE": "localhost"}
    lines = [f"{name}={value}" for name, value in settings.items()]
    (folder / ".env").write_text("\n".join([*lines, f"COMPOSE_PROJECT_NAME={project}", ""]))
    # Whatever else runs here may have the ports, which say nothing of what is tried.
    (folder / "compose.override.yaml").write_text(
        "services:\n"
        + "".join(
            f"  {name}:\n    pull_policy: never\n    ports: !reset []\n"
            for name in ("collector", *PROGRAMS)
        )
    )
    kept = folder / "secrets"
    kept.mkdir(mode=0o711)
    for name, group in (("metrics-token", 64800), ("grafana-password", 0)):
        (kept / name).write_text(secrets.token_hex(32))
        (kept / name).chmod(0o640)
        os.chown(kept / name, 0, group)
    context = short_path / "images"
    context.mkdir()
    for name in ("prometheus", "prometheus-alertmanager", "busybox"):
        found = shutil.which(name)
        assert found is not None
        shutil.copy(found, context)
    # Debian's Alertmanager has its templates in files.
    shutil.copytree(TEMPLATES, context / "share", ignore=shutil.ignore_patterns("ui"))
    try:
        for name, program in PROGRAMS.items():
            data = f"/{name}"
            (context / "Dockerfile").write_text(
                f"FROM headstart-base:collector\nCOPY {program} busybox /bin/\n"
                f"COPY share {TEMPLATES}\n"
                f"RUN ln -s busybox /bin/wget && mkdir {data} && chown 65534 {data}\n"
                f'USER 65534\nVOLUME {data}\nWORKDIR {data}\nENTRYPOINT ["/bin/{program}"]\n'
            )
            ran("docker", "build", "-q", "-t", images[name], ".", folder=context)
        yield folder
    finally:
        subprocess.run(
            ["docker", "compose", "down", "--volumes", "--timeout", "5"], cwd=folder, check=False
        )
        subprocess.run(["docker", "image", "rm", "-f", *images.values()], check=False)


def asked(folder: Path, path: str) -> Any:
    words = f"exec prometheus wget -q -O - http://127.0.0.1:9090/api/v1/{path}".split()
    return json.loads(compose(folder, *words))["data"]


@pytest.mark.compose
@pytest.mark.images
@pytest.mark.prometheus
@pytest.mark.alertmanager
@pytest.mark.busybox
@pytest.mark.root
@pytest.mark.timeout(600)
def test_collector_prometheus_and_alertmanager_come_up_together_and_find_each_other(
    folder: Path,
) -> None:
    compose(folder, "up", "--detach", "--wait", "collector", *PROGRAMS)

    def scraped() -> bool:
        (target,) = asked(folder, "targets")["activeTargets"]
        assert "401" not in target["lastError"], target
        return bool(target["health"] == "up")

    wait_until(scraped, seconds=90)
    rules = [rule for group in asked(folder, "rules")["groups"] for rule in group["rules"]]
    wanted = yaml.safe_load((ROOT / "dashboards/generated" / RULES_FILE).read_text())
    assert len(rules) == sum(len(group["rules"]) for group in wanted["groups"])
    (manager,) = asked(folder, "alertmanagers")["activeAlertmanagers"]
    assert manager["url"] == "http://alertmanager:9093/api/v2/alerts"
    command = "headstart token create --role agent"
    token = compose(folder, "exec", "-T", "collector", *command.split())
    assert len(token.split()) == 1
