"""What a run leaves in the logs of a collector and an agent: each of its steps once."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from support.running import HEADSTART, app, experiment, free_port, headstart

OF_COLLECTOR = ("run submitted", "run leased", "run started", "run ended", "run judged")
OF_AGENT = ("lease taken", "run ended")


@contextmanager
def serving(ready: str, log: Path, *arguments: str | Path) -> Iterator[None]:
    """A command as a service with its log in a file, once it has written that it is ready."""
    with log.open("w") as file:
        process = subprocess.Popen([HEADSTART, *arguments], stderr=file)
    try:
        with log.open() as reader:
            while ready not in reader.read():
                reader.seek(0)
                assert process.poll() is None, log.read_text()
        yield
    finally:
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


def logs_of_a_run(folder: Path) -> tuple[str, str, str]:
    """The run's id, and what a collector and an agent logged as JSON."""
    port = free_port()
    plan = {"blocks": 1}
    content = experiment(port, {"jit": app(port), "aot": app(port)}, plan=plan)
    (folder / "e.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "policy.toml").write_text("commands = true\n")
    address = f"unix:{folder}/socket"
    logged = ("--log-format", "json")
    at = ("--collector", address)
    collector = ("collector", "--data", folder / "store", "--listen", address)
    agent = ("agent", "--host", "perf-1", "--state", folder / "agent")
    policy = ("--policy", folder / "policy.toml")
    nothing = ("--metrics-listen", "none")
    with (
        serving("collector listens", folder / "c.log", *collector, *nothing, *logged),
        serving("attending", folder / "a.log", *agent, *policy, *at, *logged),
    ):
        submitted = headstart("submit", folder / "e.yaml", "--revision", "abc", "--json", *at)
        (run,) = json.loads(submitted.output)["runs"]
        watched = headstart("watch", run["run_id"], *at)
        assert watched.status == 0, watched.errors
    return run["run_id"], (folder / "c.log").read_text(), (folder / "a.log").read_text()


def test_each_step_of_a_run_is_an_object_with_its_id(tmp_path: Path) -> None:
    run_id, of_collector, of_agent = logs_of_a_run(tmp_path)
    collector = [json.loads(line) for line in of_collector.splitlines()]
    agent = [json.loads(line) for line in of_agent.splitlines()]

    for line in collector + agent:
        assert {"time", "level", "logger", "message"} <= line.keys(), line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert [s["message"] for s in collector if s.get("run") == run_id] == list(OF_COLLECTOR)
    assert [s["message"] for s in agent if s["message"] in OF_AGENT] == list(OF_AGENT)
    steps = {s["message"]: s for s in collector if s.get("run") == run_id}
    assert all(s["level"] == "info" and s["attempt"] == 1 for s in list(steps.values())[1:])
    submitted, ended, judged = (steps[f"run {w}"] for w in ("submitted", "ended", "judged"))
    assert (submitted["experiment"], submitted["host"]) == ("sample", "perf-1")
    assert (submitted["revision"], submitted["who"]) == ("abc", "unix")
    assert ended["state"] == "done"
    assert ended["seconds"] > 0
    assert judged["recommendations"].keys() == {"aot"}
    assert judged["seconds"] > 0
    taken, over = (next(s for s in agent if s["message"] == step) for step in OF_AGENT)
    assert (taken["run"], taken["attempt"]) == (run_id, 1)
    assert (over["run"], over["state"], over["trials"]) == (run_id, "done", 2)


def test_each_step_of_a_run_is_a_line_with_its_id(tmp_path: Path) -> None:
    port = free_port()
    content = experiment(port, {"jit": app(port), "aot": app(port)}, plan={"blocks": 1})
    (tmp_path / "e.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    asked = {"HEADSTART_RUN_LOG_LEVEL": "info"}
    ran = headstart("run", tmp_path / "e.yaml", "--data", tmp_path / "data", env=asked)

    assert ran.status == 0, ran.errors
    (run_id,) = (path.name for path in (tmp_path / "data" / "reports").iterdir())
    found = re.findall(rf"^headstart: ([a-z ]+): run={run_id} ", ran.errors, re.MULTILINE)
    assert sorted(found) == sorted([*OF_COLLECTOR, *OF_AGENT, *["variant allowed"] * 2])
    assert re.search(r"run submitted: .* experiment=sample host=\S+ who=unix", ran.errors)
    assert re.search(r"run ended: .* state=done trials=2 trials_failed=0 seconds=\d", ran.errors)
    assert re.search(r"run judged: .* recommendations=aot:\w+ seconds=\d", ran.errors)


def test_a_level_that_is_none_is_refused_and_help_names_those_that_are() -> None:
    ran = headstart("collector", "--log-level", "loud")
    listed = headstart("agent", "--help")

    assert ran.status == 2
    assert "--log-level" in ran.errors
    assert "[debug|info|warning|error]" in listed.output
