"""Runs of two collectors, whose measured app keeps a record of its own."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import grpc
import yaml

from headstart.v1.experiments_pb2 import GetRequest, GetResponse, RunState
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from support.counting_server import LOAD
from support.running import HEADSTART, free_port
from support.waiting import wait_until

PATIENCE_SECONDS = 60.0
_SERVER = Path(__file__).with_name("counting_server.py")


@contextmanager
def measuring_agent(folder: Path, *options: str) -> Iterator[Path]:
    """An agent of bench-1 whose folder this is; the app's records are in it, and its `log`."""
    (folder / "policy.toml").write_text("commands = true\n")
    (folder / "records").mkdir()
    policy, state = str(folder / "policy.toml"), str(folder / "state")
    given = ("--policy", policy, "--state", state, "--if-busy", "go-on")
    with (
        (folder / "log").open("wb") as log,
        Popen([str(HEADSTART), "agent", *given, *options], stderr=log) as process,
    ):
        try:
            yield folder
        finally:
            process.kill()


def experiment_file(agent: Path, name: str) -> Path:
    """Six trials, some seconds of them."""
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
    return file


def is_measuring(agent: Path, run: str) -> bool:
    """Whether an app of the run was started."""
    return any((agent / "records").glob(f"headstart-{run}-*"))


def ended(target: str, run: str) -> GetResponse:
    """The run as one collector has it, once it ended."""
    found = GetResponse()
    with grpc.insecure_channel(target) as channel:
        stub = ExperimentsServiceStub(channel)

        def is_over() -> bool:
            found.CopyFrom(stub.Get(GetRequest(run_id=run), timeout=10))
            return found.run.state not in (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)

        wait_until(is_over, PATIENCE_SECONDS)
    return found


def held_against_its_servers(found: GetResponse, agent: Path) -> None:
    """The run is done, and each trial was served by one server, as often as was counted."""
    assert found.run.state == RunState.RUN_STATE_DONE, found.run.reason
    served: dict[int, list[int]] = {}
    prefix = f"headstart-{found.run.run_id}-{found.run.attempt}-t"
    for record in (agent / "records").glob(f"{prefix}*"):
        trial = int(record.name.removeprefix(prefix).split(".")[0])
        served.setdefault(trial, []).append(record.read_bytes().count(LOAD))

    assert sorted(outcome.trial for outcome in found.trials) == sorted(served) == [*range(1, 7)]
    for outcome in found.trials:
        (answered,) = served[outcome.trial]
        # What was on its way at the end of the load was answered, and is not counted.
        assert 0 <= answered - outcome.load.completed <= 1
