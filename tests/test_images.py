"""The images of deploy/images with the rights that its README.md grants: a fleet of both."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from support.attending import in_loop
from support.enrolling import fleet
from support.waiting import wait_until

README = Path(__file__).parent.parent / "deploy/images/README.md"
VERSION = version("headstart")
COLLECTOR = "--read-only --cap-drop ALL --security-opt no-new-privileges --tmpfs /tmp"
AGENT = (
    "--init --read-only --tmpfs /tmp --security-opt no-new-privileges --cap-drop ALL "
    "--cap-add DAC_OVERRIDE --cap-add SYS_PTRACE --cap-add SYS_ADMIN --cap-add NET_ADMIN "
    "--pid host --network host --shm-size 1g --volume /var/run/docker.sock:/var/run/docker.sock "
    "--volume /var/lib/docker:/var/lib/docker:ro"
)
EXPERIMENT = """
experiment: images
baseline: a
variants: {a: {image: "players:aot-scratch"}, b: {image: "players:aot-scratch-root"}}
service: {port: 9000, ready: GET /players}
plan: {blocks: 1, idle: 100ms, settle: 100ms, quiet: 0s}
"""


def docker(*arguments: str, stdin: str | None = None) -> str:
    done = subprocess.run(
        ["docker", *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def collector(short_path: Path) -> Iterator[str]:
    """The id of a collector's container, and at its socket an agent."""
    policy, state, met = (short_path / name for name in ("policy.toml", "state", "met"))
    policy.write_text('images = ["players:*"]\n')
    state.mkdir(mode=0o700)
    # The user of the collector's image.
    subprocess.run(["install", "-d", "-o", "64800", "-m", "0700", str(met)], check=True)
    started: list[str] = []

    def start(part: str, options: str) -> str:
        at_socket = f"--volume {met}:/run/headstart --env HEADSTART_COLLECTOR=unix:/run/headstart/"
        words = f"run --detach --pull=never {options} {at_socket}collector.sock".split()
        started.append(docker(*words, f"headstart-{part}:{VERSION}").strip())
        return started[-1]

    try:
        collector = start(
            "collector",
            f"{COLLECTOR} --network none --health-interval 1s "
            "--tmpfs /var/lib/headstart-collector:uid=64800,mode=0700",
        )
        start(
            "agent",
            f"{AGENT} --volume {state}:{state} --volume {policy}:/etc/headstart/policy.toml:ro "
            f"--env HEADSTART_AGENT_STATE={state} --env HEADSTART_AGENT_IF_BUSY=go-on",
        )
        yield collector
    finally:
        for each in started:
            docker("rm", "--force", "--volumes", each)


@pytest.mark.images
@pytest.mark.dotnet
@pytest.mark.root
@pytest.mark.alone
def test_a_fleet_of_both_images_with_the_rights_of_the_readme_measures_containers(
    collector: str,
) -> None:
    def attended() -> bool:
        return "connected" in docker("exec", collector, "headstart", "host", "list")

    def healthy() -> bool:
        state = docker("inspect", "--format", "{{.State.Health.Status}}", collector)
        return state.strip() == "healthy"

    wait_until(healthy, seconds=60)
    wait_until(attended, seconds=60)
    submit = "cat > /tmp/file.yaml; exec headstart submit /tmp/file.yaml --wait"
    docker("exec", "--interactive", collector, "sh", "-c", submit, stdin=EXPERIMENT)
    report = docker("exec", collector, "headstart", "report")

    # By the kernel: what NET_ADMIN is for.
    assert re.search(r"^exec, by the kernel +-?\d", report, re.MULTILINE)
    assert "64800" in docker("top", collector)


def test_the_rights_are_those_of_the_readme() -> None:
    said = " ".join(README.read_text().replace("\\\n", " ").split())

    for words in (COLLECTOR, AGENT):
        rights = re.findall(r"--[a-z-]+(?: [^- ]\S*)?", words)
        assert [right for right in rights if right not in said] == []


@pytest.mark.images
@pytest.mark.root
@in_loop
async def test_a_host_is_enrolled_by_the_command_of_the_readme(tmp_path: Path) -> None:
    """By the collector's name as the host finds it, and not by the container's id."""
    commands = README.read_text().replace("\\\n", " ")
    found = re.search(r"docker run (.* enroll TOKEN .*)", commands)
    assert found is not None
    state = tmp_path / "state"
    async with fleet(tmp_path) as here:
        token = (await here.token()).text()
        words = [
            {"TOKEN": token}.get(word, word)
            .replace("/var/lib/headstart-agent:", f"{state}:")
            .replace("headstart-agent:0.1.0", f"headstart-agent:{VERSION}")
            for word in found[1].split()
        ]
        said = await asyncio.to_thread(docker, "run", "--pull=never", *words)

    assert said.startswith("enrolled as agent 'perf1' with the collector at")
    assert (state / "identity/identity.pem").exists()


@pytest.mark.images
@pytest.mark.parametrize("part", ["collector", "agent"])
def test_the_table_of_sizes_is_of_such_an_image(part: str) -> None:
    bytes_ = docker("image", "inspect", "--format", "{{.Size}}", f"headstart-{part}:{VERSION}")
    row = re.search(rf"^\| headstart-{part} \| (\d+) MB", README.read_text(), re.MULTILINE)

    assert row is not None
    # What is required has a newer release now and then: deploy/images/sizes writes it anew.
    assert int(row[1]) * 1e6 == pytest.approx(int(bytes_), rel=0.1)


@pytest.mark.images
@pytest.mark.parametrize("part", ["collector", "agent"])
def test_an_image_names_the_commit_that_its_package_names(part: str) -> None:
    image = f"headstart-{part}:{VERSION}"
    label = '{{index .Config.Labels "org.opencontainers.image.revision"}}'
    revision = docker("image", "inspect", "--format", label, image).strip()

    said = docker("run", "--rm", "--pull=never", "--network", "none", image, "--version")

    assert said.startswith(f"headstart {VERSION} (commit {revision[:12]}")
