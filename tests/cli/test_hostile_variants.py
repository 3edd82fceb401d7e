"""A variant that means harm fails its own trials, in its time; the others are measured."""

import sys
from pathlib import Path
from typing import Any

import pytest

from support import hostile_app
from support.running import experiment, free_port, left_behind, run

pytestmark = pytest.mark.alone


def variant(port: int, kind: str) -> dict[str, Any]:
    return {"command": [sys.executable, hostile_app.__file__, str(port), kind]}


def test_what_a_start_meets_costs_that_start(tmp_path: Path) -> None:
    port = free_port()
    kinds = ["good", "chunks", "stops", "kills-prober"]
    done = run(
        tmp_path,
        experiment(
            port,
            {kind: variant(port, kind) for kind in kinds},
            plan={"blocks": 2},
            service={"startup_timeout": "2s"},
        ),
    )
    report = done.report()

    assert report["state"] == "done", done.errors
    failed = {v["variant"]: (v["trials"], v["trials_failed"]) for v in report["variants"]}
    assert failed == {"good": (2, 0), "chunks": (2, 2), "stops": (2, 2), "kills-prober": (2, 2)}
    assert "the prober" in done.variant("kills-prober")["failure_message"]
    assert left_behind(tmp_path) == []
