"""Two collectors on a real PostgreSQL: one is active, the other takes over, and nothing is lost."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml

from headstart.v1.experiments_pb2 import GetRequest, GetResponse, RunState
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from support.counting_server import LOAD
from support.pair import Member, Pair, pair
from support.postgres_server import PostgresServer, missing
from support.running import HEADSTART, free_port
from support.waiting import wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.alone, pytest.mark.timeout(240)]

_SERVER = Path(__file__).parent / "support" / "counting_server.py"
_PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if reason := missing():
        pytest.skip(reason)
    server = PostgresServer()
    server.start()
    try:
        with pair(tmp_path_factory.mktemp("pair"), server) as made:
            yield made
    finally:
        server.close()


@pytest.fixture(scope="module")
def agent(both: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an agent that knows both; its records are in it."""
    folder: Path = tmp_path_factory.mktemp("agent")
    (folder / "policy.toml").write_text("commands = true\n")
    (folder / "records").mkdir()
    policy, state = str(folder / "policy.toml"), str(folder / "state")
    given = ("--policy", policy, "--state", state, "--host", "bench-1", "--if-busy", "go-on")
    command = [str(HEADSTART), "agent", "--plaintext", *both.targets, *given]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stderr=log) as process:
        yield folder
        process.kill()


def called(both: Pair, *arguments: str | Path) -> Any:
    """What a command prints as JSON that is given both addresses."""
    command: list[str | Path] = [HEADSTART, *arguments, "--json", "--plaintext", *both.targets]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def submit(both: Pair, agent: Path, name: str) -> str:
    port = free_port()
    app = [sys.executable, "-E", str(_SERVER), str(port), str(agent / "records")]
    content = {
        "experiment": name,
        "baseline": "a",
        "variants": {"a": {"command": app}, "b": {"command": app}},
        "service": {"port": port, "ready": "GET /health"},
        "load": {"request": "GET /load", "connections": 1, "duration": "1s", "driver": "builtin"},
        "plan": {"blocks": 3, "idle": "50ms", "settle": "50ms", "quiet": "0s"},
    }
    file = agent / f"{name}.yaml"
    file.write_text(yaml.safe_dump(content))
    (run,) = called(both, "submit", file)["runs"]
    return str(run["run_id"])


def is_measuring(agent: Path, run: str) -> bool:
    return any((agent / "records").glob(f"headstart-{run}-*"))


def ended(target: str, run: str) -> GetResponse:
    """The run as one collector has it, once it ended."""
    found = GetResponse()
    with grpc.insecure_channel(target) as channel:
        stub = ExperimentsServiceStub(channel)

        def is_over() -> bool:
            found.CopyFrom(stub.Get(GetRequest(run_id=run), timeout=10))
            return found.run.state not in (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)

        wait_until(is_over, _PATIENCE_SECONDS)
    return found


def held_against_its_servers(active: Member, agent: Path, run: str) -> None:
    """The run is done, and each trial was served by one server, as often as was counted."""
    found = ended(active.target, run)
    assert found.run.state == RunState.RUN_STATE_DONE, found.run.reason
    served: dict[int, list[int]] = {}
    prefix = f"headstart-{run}-{found.run.attempt}-t"
    for record in (agent / "records").glob(f"{prefix}*"):
        trial = int(record.name.removeprefix(prefix).split(".")[0])
        served.setdefault(trial, []).append(record.read_bytes().count(LOAD))

    assert sorted(outcome.trial for outcome in found.trials) == sorted(served) == [*range(1, 7)]
    for outcome in found.trials:
        (answered,) = served[outcome.trial]
        # What was on its way at the end of the load was answered, and is not counted.
        assert 0 <= answered - outcome.load.completed <= 1


def test_who_stands_by_answers_what_reads_and_names_the_active_one_for_the_rest(
    both: Pair, agent: Path
) -> None:
    active, other = both.roles()
    wait_until(lambda: "connected" in hosts_of(active.target), _PATIENCE_SECONDS)

    page = other.said("/metrics")[1]
    listed = subprocess.run(
        [HEADSTART, "status", "--plaintext", "--collector", other.target],
        check=True,
        capture_output=True,
        text=True,
    )
    refused = subprocess.run(
        [HEADSTART, "host", "drain", "bench-1", "--plaintext", "--collector", other.target],
        check=False,
        capture_output=True,
        text=True,
    )

    assert is_said_active(page) == "0.0"
    assert "bench-1" not in page
    assert is_said_active(active.said("/metrics")[1]) == "1.0"
    assert "bench-1" in listed.stdout
    assert refused.returncode != 0
    assert f"the active one is {active.target}" in refused.stderr


def is_said_active(page: str) -> str:
    (found,) = re.findall(r"^headstart_collector_active{.*} (.*)$", page, re.MULTILINE)
    return str(found)


def hosts_of(target: str) -> str:
    command: list[str | Path] = [HEADSTART, "status", "--plaintext", "--collector", target]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def test_a_run_outlives_the_collector_that_leased_it(both: Pair, agent: Path) -> None:
    active, other = both.roles()
    run = submit(both, agent, "killed")
    wait_until(lambda: is_measuring(agent, run), _PATIENCE_SECONDS)

    active.end()
    wait_until(other.is_active, _PATIENCE_SECONDS)

    held_against_its_servers(other, agent, run)
    active.start()


def test_one_that_was_frozen_writes_nothing_and_stands_by(both: Pair, agent: Path) -> None:
    active, other = both.roles()
    run = submit(both, agent, "frozen")
    wait_until(lambda: is_measuring(agent, run), _PATIENCE_SECONDS)

    active.send(signal.SIGSTOP)
    wait_until(other.is_active, _PATIENCE_SECONDS)
    active.send(signal.SIGCONT)
    wait_until(active.stands_by, _PATIENCE_SECONDS)

    held_against_its_servers(other, agent, run)
    assert other.is_active()


def test_one_that_is_stopped_lets_the_other_take_over(both: Pair) -> None:
    active, other = both.roles()

    assert active.end(signal.SIGTERM) == 0
    wait_until(other.is_active, _PATIENCE_SECONDS)
