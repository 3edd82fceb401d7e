"""The images of examples/api-with-postgres: built once a machine, and run without Headstart."""

import fcntl
import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import docker
import pytest
import yaml

from headstart.v1.records_pb2 import CaseStatus
from support.recorded import check_outcomes
from support.waiting import wait_until

EXAMPLE = Path(__file__).parents[2] / "examples" / "api-with-postgres"
NAME = "api-with-postgres"
JIT, AOT, TESTS = f"{NAME}:jit", f"{NAME}:aot-cache", f"{NAME}:tests"
POSTGRES = "postgres-example:15"
IMAGES = (JIT, AOT, TESTS, POSTGRES)
PORT = 8080
# The tests, by name.
CONTRACT = (
    "the database is reached",
    "players are listed by their number",
    "a player is found by number",
    "a player who is not there is a 404",
    "a player who is posted can be read",
    "what is no player is a 400",
)


def have_images() -> None:
    """Build them, where they are not those of the sources; skip where packages can't be had."""
    build = EXAMPLE / "build"
    build.mkdir(exist_ok=True)
    with open(build / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = build / "made.json"
        if made.exists() and json.loads(made.read_text()) == _state():
            return
        script: list[str | Path] = [sys.executable, EXAMPLE / "build_images.py"]
        done = subprocess.run(script, capture_output=True, text=True, check=False)
        if "apt-" in done.stderr:
            pytest.skip(f"Debian's packages cannot be had here: {done.stderr.strip()[:300]}")
        assert done.returncode == 0, done.stdout + done.stderr
        made.write_text(json.dumps(_state()))


def _state() -> dict[str, str]:
    """What the images are made of, and which they are."""
    sources = hashlib.sha256()
    named = (EXAMPLE / "app.jar", EXAMPLE / "experiment.yaml", EXAMPLE.parent / "rootfs.py")
    for file in (*sorted(EXAMPLE.glob("*.py")), *named):
        sources.update(file.read_bytes())
    return {"sources": sources.hexdigest()} | {name: _id_of(name) for name in IMAGES}


def _id_of(name: str) -> str:
    with closing(docker.APIClient()) as client:
        try:
            return str(client.inspect_image(name)["Id"])  # type: ignore[no-untyped-call]  # stub
        except docker.errors.ImageNotFound:
            return ""


def experiment() -> dict[str, Any]:
    """What the experiment file states."""
    found: dict[str, Any] = yaml.safe_load((EXAMPLE / "experiment.yaml").read_text())
    return found


def short_experiment(blocks: int = 3, hub: str = "") -> dict[str, Any]:
    """The same in few blocks without load; `hub`: with the images of a registry."""
    content = experiment()
    for key in ("load", "gates"):
        del content[key]
    del content["plan"]["load_every"]
    content["plan"] |= {"blocks": blocks, "idle": "100ms", "settle": "100ms", "quiet": "0s"}
    for each in _with_images(content):
        each["image"] = f"{hub}/{each['image']}" if hub else each["image"]
    return content


def images() -> list[str]:
    """Those that the experiment names."""
    return [each["image"] for each in _with_images(experiment())]


def _with_images(content: dict[str, Any]) -> list[dict[str, Any]]:
    checks = [check for check in content["service"]["checks"] if "image" in check]
    return [*content["variants"].values(), *content["beside"].values(), *checks]


def assert_tested_in_every_trial(data: Path, run_id: str, trials: int) -> None:
    """That the records of a run have each test of the contract, passed, in each trial."""
    outcomes = check_outcomes(data, run_id)
    found = [
        {case.test.removeprefix("Contract."): case.status for case in outcome.tests}
        for outcome in outcomes
        if outcome.check == "integration"
    ]
    assert found == [dict.fromkeys(CONTRACT, CaseStatus.CASE_STATUS_PASSED)] * trials


@contextmanager
def containers() -> Iterator[Callable[..., Any]]:
    """Starts containers, which are removed with their volumes at the end."""
    with ExitStack() as stack:
        client = stack.enter_context(closing(docker.from_env()))

        def start(image: str, **options: Any) -> Any:
            container = client.containers.run(image, detach=True, **options)
            stack.callback(container.remove, force=True, v=True)
            return container

        yield start


def database(start: Callable[..., Any]) -> Any:
    """A database that is ready, alone in a network, where its name is db."""
    found = start(POSTGRES, network_mode="none", extra_hosts={"db": "127.0.0.1"})
    wait_until(lambda: found.exec_run(["pg_isready", "-q"]).exit_code == 0)
    return found


def table() -> str:
    """The table of players, with those in it that the tests expect."""
    return str(experiment()["beside"]["db"]["seed"]["input"])


def sql(database: Any, commands: str) -> str:
    """What psql in the database's container says to it."""
    done = database.exec_run(["psql", "-At", "-v", "ON_ERROR_STOP=1", "-c", commands])
    assert done.exit_code == 0, done.output
    return str(done.output.decode())


def api(start: Callable[..., Any], image: str, database: Any, **environment: str) -> Any:
    """The API in the database's network, serving, or ended."""
    stated = experiment()["variants"]["jit"]["env"]
    network = f"container:{database.id}"
    found = start(image, network_mode=network, environment=stated | environment)

    def serves_or_ended() -> bool:
        found.reload()
        return b"listening" in found.logs() or found.status == "exited"

    wait_until(serves_or_ended)
    return found


@dataclass(frozen=True)
class Tested:
    """What became of the tests."""

    status: int
    output: str
    # By name: why it failed, None where it passed.
    tests: dict[str, str | None]


def tested(start: Callable[..., Any], beside: Any) -> Tested:
    """Run the tests' container beside an API."""
    found = start(
        TESTS,
        network_mode=f"container:{beside.id}",
        environment={"HEADSTART_URL": f"http://127.0.0.1:{PORT}"},
    )
    status = found.wait()["StatusCode"]
    packed, _ = found.get_archive("/results/contract.xml")
    with tarfile.open(fileobj=io.BytesIO(b"".join(packed))) as archive:
        file = archive.extractfile("contract.xml")
        assert file is not None
        suite = ElementTree.fromstring(file.read())  # noqa: S314  # our own
    tests = {case.attrib["name"]: _failure(case) for case in suite.iter("testcase")}
    return Tested(status, found.logs().decode(), tests)


def _failure(case: ElementTree.Element) -> str | None:
    failure = case.find("failure")
    return None if failure is None else failure.attrib["message"]
