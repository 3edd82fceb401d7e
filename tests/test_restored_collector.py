"""A collector that is killed and restored from a backup, below an agent that goes on."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.headstart_programs import Program, program
from support.running import app, experiment, free_port, headstart

pytestmark = [pytest.mark.alone]


class _Fleet:
    """A folder with its collector's socket and the command's view of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.target = f"unix:{folder / 'c.sock'}"
        self.to = ("--collector", self.target)
        policy = folder / "policy.toml"
        policy.write_text("commands = true\n")
        self.agent_options = ("--host", "h1", "--policy", policy, "--state", folder / "h1")
        port = free_port()
        plan = {"blocks": 2, "idle": "800ms", "settle": "50ms", "quiet": "0s"}
        content = experiment(port, {"a": app(port), "b": app(port)}, plan=plan)
        self.file = folder / "experiment.yaml"
        self.file.write_text(yaml.safe_dump(content))

    def submit(self) -> str:
        before = {run["run_id"] for run in self.runs()}
        submitted = headstart("submit", self.file, *self.to)
        assert submitted.status == 0, submitted
        (run_id,) = {run["run_id"] for run in self.runs()} - before
        return str(run_id)

    def runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(headstart("status", *self.to, "--json").output)[
            "runs"
        ]
        return found

    def collector(self, data: str) -> Any:
        listen = ("--listen", self.target, "--metrics-listen", "none")
        return program("collector", "--data", self.folder / data, *listen)


def _until_started(collector: Program, run_id: str) -> None:
    collector.line(f"run started.*{run_id}")


@pytest.mark.timeout(180)
def test_agents_are_taken_up_by_a_restored_collector_and_every_run_is_told_truly(
    tmp_path: Path,
) -> None:
    fleet = _Fleet(tmp_path)
    with fleet.collector("store") as first:
        first.line("collector listens")
        with program("agent", *fleet.to, *fleet.agent_options) as agent:
            agent.line("attending")
            done = fleet.submit()
            first.line(f"run ended.*{done}")
            cut, waiting = fleet.submit(), fleet.submit()
            _until_started(first, cut)
            # However long the copy takes, the run is under way in it.
            agent.process.send_signal(signal.SIGSTOP)
            copied = headstart("backup", tmp_path / "backup", "--data", tmp_path / "store")
            agent.process.send_signal(signal.SIGCONT)
            assert copied.status == 0, copied
            first.line(f"run ended.*{cut}")
            unknown = fleet.submit()
            _until_started(first, waiting)
            first.kill()
            made = headstart("restore", tmp_path / "backup", "--data", tmp_path / "again")
            assert made.status == 0, made
            with fleet.collector("again") as second:
                second.line(r"the store was set back to an earlier state")
                agent.line(r"begins in the place of .*: its store is another, or older")
                later = fleet.submit()
                second.line(f"run ended.*{later}")
                runs = {run["run_id"]: run for run in fleet.runs()}
                report = json.loads(
                    headstart("report", waiting, *fleet.to, "--format", "json").output
                )
                agent.process.terminate()
                agent.wait()

    assert {run["state"] for run in runs.values()} == {"done"}, runs
    assert runs.keys() == {done, cut, waiting, later}
    assert unknown not in runs
    attempts = {run_id: run["attempt"] for run_id, run in runs.items()}
    assert (attempts[done], attempts[later]) == (1, 1)
    assert min(attempts[cut], attempts[waiting]) > 1000
    assert sum(variant["trials"] for variant in report["variants"]) == 4
    assert f"records of run {unknown}" not in "".join(second.said)
