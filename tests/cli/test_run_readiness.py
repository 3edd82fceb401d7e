"""Apps whose readiness is asked for at another port than their own, or in several steps."""

import sys
from pathlib import Path
from typing import Any

import pytest

from support.running import APP, experiment, free_port, left_behind, run

pytestmark = pytest.mark.alone


def with_management(port: int, management: int) -> dict[str, Any]:
    """A variant that answers /healthz at its management port alone."""
    return {"command": [sys.executable, str(APP), str(port), "good", str(management)]}


def test_an_app_with_a_port_for_management_is_measured_to_its_end(tmp_path: Path) -> None:
    """Readiness, first data and a check are asked there; the load goes to the app's port.

    Ready in two steps, of which one is at each port.
    """
    port, management = free_port(), free_port()
    variant = with_management(port, management)
    own = {"request": "GET /healthz", "port": management}
    ran = run(
        tmp_path,
        experiment(
            port,
            {"one": variant, "two": variant},
            service={
                "ready": [own, "GET /players"],
                "first_data": own,
                "checks": ["GET /players", own],
            },
            load={"request": "GET /players", "duration": "1s", "connections": 2},
            plan={"blocks": 1, "load_every": 1},
        ),
    )

    assert ran.variant("one")["outcome"] == "measured", ran.errors
    assert ran.variant("one")["checks_failed"] == 0
    assert ran.variant("one")["load_answers"] > 0
    assert ran.variant("one")["trials_wrong_under_load"] == 0
    for start in ran.report()["starts"]:
        stamps = start["stamps"]
        assert start["steps"] == [f"GET /healthz on port {management}"]
        assert 0 < stamps["ready_step_1"] < stamps["first_correct_response"]
    assert left_behind(tmp_path) == []


def test_that_nothing_listens_at_the_port_of_its_own_is_told_with_its_key(tmp_path: Path) -> None:
    port = free_port()
    variant = {"command": [sys.executable, str(APP), str(port)]}
    own = {"request": "GET /healthz", "port": free_port()}
    ran = run(
        tmp_path,
        experiment(
            port,
            {"one": variant, "two": variant},
            service={"ready": own, "startup_timeout": "1500ms"},
            plan={"blocks": 1},
        ),
    )

    assert f"set service.ready.port: {port}" in ran.output, ran.errors
