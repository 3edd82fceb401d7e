"""`headstart run` while another run measures on this machine."""

import socket
from pathlib import Path

import pytest

from headstart.agent.host.machine import holder
from support.running import app, experiment, free_port, run

pytestmark = pytest.mark.alone


@pytest.mark.parametrize(("asked", "status"), [("fail", 4), ("go-on", 0)])
def test_a_busy_machine_is_told_and_what_follows_can_be_said(
    tmp_path: Path, asked: str, status: int
) -> None:
    port = free_port()
    content = experiment(port, {"a": app(port), "b": app(port)}, plan={"blocks": 1})
    with socket.socket(socket.AF_UNIX) as measuring:
        if holder() is None:
            measuring.bind(b"\0headstart-measures")
            measuring.listen()
        ran = run(tmp_path, content, env={"HEADSTART_RUN_IF_BUSY": asked})

    assert ran.status == status, ran.errors
    assert "another run measures on this machine (process " in ran.errors
    assert (tmp_path / "data" / "collector").exists() == (asked == "go-on")
