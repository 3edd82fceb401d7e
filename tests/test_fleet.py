"""A collector and two agents as programs of their own, an experiment by label, a Prometheus."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from headstart.dashboards import write
from headstart.dashboards.generate import dashboards
from support.dashboard_json import interpolated, targets
from support.headstart_programs import Program, program
from support.images import image_of
from support.prometheus_server import prometheus
from support.running import HEADSTART, headstart
from support.truth_server import build_truth_server
from support.waiting import wait_until

pytestmark = [pytest.mark.alone, pytest.mark.docker, pytest.mark.compiler, pytest.mark.prometheus]

IMAGE = "headstart-test/truth:fleet"


@contextmanager
def fleet(folder: Path) -> Iterator[tuple[str, str]]:
    """A collector and the agents alpha and beta; yields its address and that of its metrics."""
    policy = folder / "policy.toml"
    policy.write_text(f'images = ["{IMAGE}"]\n')
    with ExitStack() as stack:
        target = f"unix:{folder / 'collector.sock'}"
        options = ["--listen", target, "--metrics-listen", "127.0.0.1:0"]
        collector = stack.enter_context(program("collector", "--data", folder / "store", *options))
        metrics = collector.line(r"collector listens:.*metrics_port=(\d+)")
        for host in ("alpha", "beta"):
            agent = stack.enter_context(
                program(
                    *("agent", "--collector", target, "--host", host, "--label", "pool=perf"),
                    *("--policy", policy, "--state", folder / host),
                )
            )
            agent.line("attending")
        yield target, f"127.0.0.1:{metrics[1]}"


def experiment(folder: Path) -> Path:
    """The truth server with and without 60 ms of work at its start."""
    file = folder / "experiment.yaml"
    plan = {"blocks": 6, "load_every": 2, "idle": "200ms", "settle": "200ms", "quiet": "0s"}
    content = {
        "experiment": "fleet",
        "baseline": "slow",
        "variants": {
            name: {"image": IMAGE, "entrypoint": ["/bin/app", "9400", delay]}
            for name, delay in (("slow", "60"), ("fast", "0"))
        },
        "service": {"port": 9400, "ready": "GET /", "checks": ["GET /x -> 200"]},
        "load": {
            "request": "GET /x",
            "connections": 2,
            "duration": "6s",
            "window": "250ms",
            "driver": "builtin",
            "rate": "200/s",
        },
        # Both agents are on this machine: each trial has a network of its own.
        "plan": plan,
        "hosts": {"labels": {"pool": "perf"}},
    }
    file.write_text(yaml.safe_dump(content))
    return file


def ended(target: str) -> bool:
    runs = json.loads(headstart("status", "--collector", target, "--json").output)["runs"]
    return all(run["state"] not in ("queued", "leased") for run in runs)


@pytest.mark.timeout(300)
def test_an_experiment_by_label_runs_on_both_hosts_and_every_panel_has_data(
    tmp_path: Path,
) -> None:
    truth = build_truth_server(tmp_path)
    *_, rules = write(tmp_path / "generated")
    with image_of(truth, IMAGE), fleet(tmp_path) as (target, metrics):
        submitted = headstart("submit", experiment(tmp_path), "--collector", target)
        run_ids = [line.split()[0] for line in submitted.output.splitlines()]
        statuses = [headstart("watch", run, "--collector", target).status for run in run_ids]
        wait_until(lambda: ended(target))
        report = headstart("report", run_ids[0], "--collector", target)
        results = [
            headstart("report", r, "--collector", target, "--format", "json") for r in run_ids
        ]
        pooled = headstart("pool", "--experiment", "fleet", "--collector", target, "--json")
        with prometheus(tmp_path, [metrics], [rules]) as server:
            server.wait_for('count(headstart_run_end_timestamp_seconds{experiment="fleet"}) == 2')
            server.wait_for("rate(headstart_collector_batches_total[5s])")
            hosts = set(server.label_values("host", "headstart_run_end_timestamp_seconds"))
            with_data = {
                panel["title"]
                for board in dashboards()
                for panel, query in targets(board)
                if server.query(interpolated(query["expr"], board, "5s", experiment="fleet"))
            }

    assert submitted.status == 0, submitted.errors
    assert statuses == [0, 0]
    assert "fast starts" in report.output
    assert pooled.status == 0, pooled.errors
    assert [host["run_id"] for host in json.loads(pooled.output)["hosts"]] == run_ids
    assert hosts == {"alpha", "beta"}
    assert with_data >= {
        "Which variant ships on which hardware",
        "Why",
        "Startup: ratio",
        "The run",
        "Start, moment by moment",
    }
    # Two agents on one machine may disturb each other so that no load is valid, and a curve is of
    # valid loads.
    loads = [load for ran in results for load in ran.report()["load"]["series"]]
    assert loads
    assert ("Warm-up" in with_data) == any(load["valid"] for load in loads)


@pytest.mark.timeout(200)
def test_a_run_goes_on_without_its_collector_and_is_delivered_later(tmp_path: Path) -> None:
    truth = build_truth_server(tmp_path)
    policy = tmp_path / "policy.toml"
    policy.write_text(f'images = ["{IMAGE}"]\n')
    file = experiment(tmp_path)
    content = yaml.safe_load(file.read_text())
    del content["load"], content["plan"]["load_every"]
    file.write_text(yaml.safe_dump(content))
    store = ("collector", "--data", tmp_path / "store", "--metrics-listen", "none")
    target = f"unix:{tmp_path / 'collector.sock'}"
    with image_of(truth, IMAGE), program(*store, "--listen", target) as collector:
        collector.line("collector listens:")
        agent = subprocess.Popen(
            [
                *(HEADSTART, "agent", "--collector", target, "--host", "alpha"),
                *("--label", "pool=perf", "--policy", policy, "--state", tmp_path / "alpha"),
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        attending = Program(agent)
        try:
            attending.line("attending")
            submitted = headstart("submit", file, "--collector", target)
            run_id = submitted.output.split()[0]
            attending.line(f"lease taken: run={run_id}")
            collector.process.kill()
            collector.process.wait()
            collector.process.returncode = 0
            with program(*store, "--listen", target) as again:
                again.line("collector listens:")
                status = headstart("watch", run_id, "--collector", target).status
                found = headstart("report", run_id, "--format", "json", "--collector", target)
        finally:
            agent.send_signal(signal.SIGTERM)
            attending.wait()
    trials = {v["variant"]: v["trials"] for v in found.report()["variants"]}

    assert status == 0
    assert trials == {"slow": 6, "fast": 6}
    assert found.report()["attempt"] == 1
