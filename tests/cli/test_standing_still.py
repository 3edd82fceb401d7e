"""An agent that is stopped in a phase tells so, and what it then read late is left out."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from headstart.words import metrics
from headstart.words.flags import FlagCode
from support.running import HEADSTART, app, experiment, free_port
from support.waiting import wait_until

pytestmark = pytest.mark.alone


def answers(port: int) -> bool:
    with socket.socket() as asked:
        return asked.connect_ex(("127.0.0.1", port)) == 0


def test_memory_that_was_read_late_is_no_memory_at_idle(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "experiment.yaml"
    variants = {"a": app(port), "b": app(port)}
    file.write_text(yaml.safe_dump(experiment(port, variants, plan={"blocks": 1, "idle": "3s"})))
    with subprocess.Popen(
        [HEADSTART, "run", file, "--data", tmp_path / "data"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_until(lambda: answers(port), seconds=60)
        # It is ready, and the agent has seen it before its rest of 3 s is half over.
        time.sleep(1)
        process.send_signal(signal.SIGSTOP)
        # More than an agent is ever late by itself.
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        process.wait(60)

    (report,) = tmp_path.glob("data/reports/*/report.json")
    result = json.loads(report.read_text())
    result = result.get("result", result)
    (invalid,) = [t for t in result["invalid_trials"] if t["code"] == FlagCode.AGENT_STOOD_STILL]
    assert "while the app was idle" in invalid["text"]
    assert invalid["effect"] == "memory"
    idle = {
        f["variant"]: f["basis"] for f in result["figures"] if f["metric"] == metrics.RSS_IDLE.name
    }
    startup = {
        f["variant"]: f for f in result["figures"] if f["metric"] == metrics.RSS_STARTUP.name
    }
    assert idle[invalid["variant"]] == "flagged"
    assert startup[invalid["variant"]]["basis"] == "valid"
