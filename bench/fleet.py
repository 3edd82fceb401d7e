"""A collector and an agent as programs of their own, for benchmarks of the whole agent."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from headstart.collector.store.decode import decode
from headstart.collector.store.records import envelopes
from headstart.collector.store.sqlite import reader_engine
from headstart.collector.store.store import FILE_NAME
from headstart.v1.records_pb2 import Record
from support.running import HEADSTART, headstart


@dataclass(frozen=True)
class Fleet:
    """Both live; `agent_pid` is that of `headstart agent`."""

    folder: Path
    target: str
    agent_pid: int

    def run(self, experiment: Mapping[str, Any]) -> list[Record]:
        """Run an experiment to its end; its records in their order. SystemExit when it fails."""
        file = self.folder / "experiment.yaml"
        file.write_text(yaml.safe_dump(dict(experiment), sort_keys=False))
        submitted = headstart("submit", file, "--collector", self.target, "--json")
        if submitted.status:
            raise SystemExit(f"bench: {submitted.errors}")
        (run,) = json.loads(submitted.output)["runs"]
        watched = headstart("watch", run["run_id"], "--collector", self.target, timeout_seconds=300)
        if watched.status:
            raise SystemExit(f"bench: {watched.output}{watched.errors}")
        engine = reader_engine(self.folder / "store" / FILE_NAME)
        return [decode(envelope) for envelope in envelopes(engine, run["run_id"], 1)]


@contextmanager
def fleet(folder: Path, policy: str) -> Iterator[Fleet]:
    """Started, and the agent attending; `policy` is the text of its file."""
    file = folder / "policy.toml"
    file.write_text(policy)
    target = f"unix:{folder / 'collector.sock'}"
    options = ["--listen", target, "--metrics-listen", "127.0.0.1:0"]
    with _program("collector", "--data", folder / "store", *options) as collector:
        _line(collector, "listens on")
        arguments = ("--collector", target, "--policy", file, "--state", folder / "agent")
        with _program("agent", *arguments) as agent:
            _line(agent, "attending")
            yield Fleet(folder, target, agent.pid)


@contextmanager
def _program(*arguments: str | Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen([HEADSTART, *arguments], stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def _line(process: "subprocess.Popen[str]", pattern: str) -> re.Match[str]:
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
    raise SystemExit(f"bench: a program ended with {process.wait()} before it said {pattern!r}")
