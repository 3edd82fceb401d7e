"""Three machines enrol by a token and measure by label, while the collector and one of them die."""

import json
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.headstart_programs import Program, program
from support.namespaces import inside, machines
from support.running import HEADSTART, app, experiment, headstart
from support.waiting import wait_until

pytestmark = [
    pytest.mark.alone,
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("ip") is None, reason="not installed: ip (iproute2)"),
]

HOSTS = ("h1", "h2", "h3")
BLOCKS = 4
POLICY = "commands = true\n"


class Fleet:
    """A collector and three agents, each in a network namespace of its own."""

    def __init__(self, folder: Path, names: dict[str, str], ending: ExitStack) -> None:
        self.folder = folder
        self.names = names
        self.ending = ending
        self.socket = f"unix:{folder / 'collector.sock'}"
        self.policy = folder / "policy.toml"
        self.policy.write_text(POLICY)

    def collector(self) -> Program:
        """Listens on the ports that it is known by."""
        started = self.ending.enter_context(
            program(
                *("collector", "--data", self.folder / "data", "--metrics-listen", "none"),
                *("--listen", self.socket, "--listen", "10.213.0.1:7070"),
                *("--enroll-listen", "10.213.0.1:7071", "--advertise", "10.213.0.1"),
                within=inside(self.names["hub"]),
            )
        )
        started.line("enrolment_port=7071")
        return started

    def enroll(self, host: str, token: str) -> None:
        """As an operator types it on the host."""
        state = str(self.folder / host)
        command = [str(HEADSTART), "enroll", token, "--name", host, "--state", state]
        subprocess.run([*inside(self.names[host]), *command], check=True, capture_output=True)

    def agent(self, host: str) -> Program:
        """Attending, with what it was enrolled by."""
        started = self.ending.enter_context(
            program(
                *("agent", "--state", self.folder / host, "--policy", self.policy),
                *("--label", "pool=perf"),
                within=inside(self.names[host]),
            )
        )
        started.line("attending 10.213.0.1:7070")
        return started

    def asked(self, *words: str) -> Any:
        """What a command of the first operator's prints as JSON."""
        done = headstart(*words, "--collector", self.socket)
        assert done.status == 0, done.errors
        return json.loads(done.output)

    def runs(self) -> dict[str, dict[str, Any]]:
        """By host."""
        return {run["host"]: run for run in self.asked("status", "--json")["runs"]}


@pytest.mark.timeout(300)
def test_an_experiment_by_label_is_complete_though_the_collector_and_an_agent_were_killed(
    tmp_path: Path,
) -> None:
    file = tmp_path / "experiment.yaml"
    plan = {"blocks": BLOCKS, "idle": "500ms"}
    content = experiment(8080, {"a": app(8080), "b": app(8080)}, plan=plan)
    file.write_text(yaml.safe_dump(content | {"hosts": {"labels": {"pool": "perf"}}}))
    with machines("hub", HOSTS) as names, ExitStack() as ending:
        fleet = Fleet(tmp_path, names, ending)
        collector = fleet.collector()
        made = headstart(
            *("token", "create", "--role", "agent", "--uses", "3"), "--collector", fleet.socket
        )
        for host in HOSTS:
            fleet.enroll(host, made.output.strip())
        agents = {host: fleet.agent(host) for host in HOSTS}
        submitted = headstart("submit", file, "--collector", fleet.socket)
        assert submitted.status == 0, submitted.errors
        wait_until(lambda: fleet.runs()["h2"]["progress"]["trials_done"] > 0, 60)

        collector.kill()
        agents["h2"].kill()
        fleet.collector()
        fleet.agent("h2")
        wait_until(lambda: all(r["state"] == "done" for r in fleet.runs().values()), 180)
        ended = fleet.runs()
        reports = {
            host: fleet.asked("report", run["run_id"], "--format", "json")
            for host, run in ended.items()
        }

    assert sorted(ended) == sorted(HOSTS)
    # The trials of an agent that died are not believed: it began anew.
    assert {host: run["attempt"] > 1 for host, run in ended.items()} == {
        "h1": False,
        "h2": True,
        "h3": False,
    }
    for report in reports.values():
        variants = report.get("result", report)["variants"]
        assert [each["trials"] for each in variants] == [BLOCKS] * 2
