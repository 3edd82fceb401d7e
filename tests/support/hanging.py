"""A run that is cancelled while it hangs, and what it leaves."""

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
import zstandard

from headstart.agent.instances import LABEL_STATE, mark_entry, state_id
from headstart.agent.run import execute
from headstart.agent.runtimes.members import marked
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.runtimes.table import open_runtimes
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.held_runs import HeldRun, HeldRuns
from headstart.agent.uplink.spool import Spool
from headstart.collector.experiments.file import load_experiment
from headstart.v1.experiment_pb2 import Experiment
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import (
    Encoding,
    Envelope,
    FailureCode,
    Record,
    RecordKind,
    RunOutcome,
    RunStatus,
    TrialOutcome,
)
from support.policies import everything_allowed
from support.running import app, experiment, free_port
from support.waiting import wait_until

# What the product promises.
BOUND_SECONDS = 5.0
BATCH = Path(__file__).with_name("batch_program.py")


class Kept(Spool):
    """A spool that remembers what it was given."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.kept: list[Envelope] = []

    def append(self, envelope: Envelope) -> bool:
        self.kept.append(envelope)
        return super().append(envelope)

    def records(self, kind: RecordKind.ValueType) -> list[Record]:
        """Those of a kind, in their order."""
        return [record_of(each) for each in self.kept if each.kind == kind]


def record_of(envelope: Envelope) -> Record:
    """What an envelope holds."""
    plain = envelope.encoding == Encoding.ENCODING_PLAIN
    return Record.FromString(envelope.payload if plain else zstandard.decompress(envelope.payload))


@dataclass
class Cancelled:
    """How a cancelled run ended."""

    seconds: float
    outcomes: list[RunOutcome]
    trials: list[TrialOutcome]
    left: list[str]


def cancel_when(
    reached: Callable[[HeldRun], bool], experiment: dict[str, Any], folder: Path
) -> Cancelled:
    """Run an experiment, cancel it as soon as it has got there, and wait for its end."""
    state = folder / "agent"
    spool = Kept(state)

    def runtimes(cancelled: Any) -> RuntimeTable:
        return open_runtimes(state, everything_allowed(), cancelled)

    tools = Tools(spool, runtimes, lambda _server, _load: HostFacts(host="here"), True)
    runs = HeldRuns(lambda held: execute(held, tools))
    attempt = Attempt(run_id=f"cancelled-{folder.name}", attempt=1)
    runs.start(attempt, loaded(experiment, folder), ask=lambda _: None)
    held = runs.get(attempt)
    assert held is not None
    try:
        wait_until(lambda: reached(held) or held.over.is_set(), 60)
        assert not held.over.is_set(), f"it ended before: {spool_outcomes(spool)}"
    finally:
        began = time.monotonic()
        held.cancel("enough")
        held.over.wait(30)
        seconds = time.monotonic() - began
    trials = [r.trial_outcome for r in spool.records(RecordKind.RECORD_KIND_TRIAL_OUTCOME)]
    found = Cancelled(seconds, spool_outcomes(spool), trials, left_of(state))
    spool.close()
    return found


def loaded(experiment: dict[str, Any], folder: Path) -> Experiment:
    """As the collector reads it."""
    return load_experiment(yaml.safe_dump(experiment, sort_keys=False), str(folder))


def spool_outcomes(spool: Kept) -> list[RunOutcome]:
    """The terminal records of the only run."""
    return [r.run_outcome for r in spool.records(RecordKind.RECORD_KIND_RUN_OUTCOME)]


def left_of(state: Path) -> list[str]:
    """Processes, containers, gates and scratch folders of an agent's runs."""
    identity = state_id(state)
    left = [str(path) for kind in ("processes", "containers") for path in state.glob(f"{kind}/*")]
    left += [f"process {pid}" for pid in marked(mark_entry(identity))]
    return left + containers_of(identity)


def containers_of(identity: str) -> list[str]:
    """Asked of the real engine, whatever DOCKER_HOST names."""
    host = ["docker", "--host", "unix:///var/run/docker.sock"]
    try:
        asked = [*host, "ps", "-aq", "--filter", f"label={LABEL_STATE}={identity}"]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return []


def assert_ended(ended: Cancelled) -> None:
    assert ended.seconds < BOUND_SECONDS
    assert [RunStatus.Name(o.status) for o in ended.outcomes] == ["RUN_STATUS_CANCELLED"]
    assert ended.outcomes[0].reason.startswith("enough")


def assert_nothing_left(ended: Cancelled) -> None:
    assert_ended(ended)
    assert ended.outcomes[0].reason == "enough"
    assert ended.left == []
    for each in ended.trials[-1:]:
        code = each.failure.code
        assert code in (FailureCode.FAILURE_CODE_CANCELLED, FailureCode.FAILURE_CODE_UNSPECIFIED)


def doing(words: str) -> Callable[[HeldRun], bool]:
    return lambda held: words in held.progress.doing


def twice(variant: dict[str, Any]) -> dict[str, Any]:
    return {"a": variant, "b": variant}


def service(behaviour: str = "good", **parts: Any) -> dict[str, Any]:
    port = free_port()
    return experiment(port, twice(app(port, behaviour)), **parts)


def batch(**parts: Any) -> dict[str, Any]:
    program = {"command": [sys.executable, str(BATCH), "hangs"]}
    return {
        "experiment": "batch",
        "baseline": "a",
        "variants": twice(program),
        "service": {"ready": {"command": ["--version"], "output": "batch"}},
        "jobs": {"short": {"args": ["sum", "10"], "timeout": "500s"}},
        "plan": {"blocks": 1, "quiet": "0s"},
    } | parts


def is_open(path: Path) -> bool:
    """By this process."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            if descriptor.readlink() == path:
                return True
        except OSError:
            continue
    return False
