"""How gRPC is told to wait for connections, by its release."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.cli import grpc_polling


@pytest.mark.parametrize(
    ("release", "already", "expected"),
    [
        ("1.85.3", None, "-event_engine_listener"),
        ("1.85.3", "something", "something"),
        # Names of experiments come and go, and one that is unknown is told on standard error.
        ("1.86.0", None, None),
        ("2.0.0", None, None),
    ],
)
def test_one_thread_reads_with_the_releases_that_were_measured(
    monkeypatch: pytest.MonkeyPatch, release: str, already: str | None, expected: str | None
) -> None:
    monkeypatch.setattr(grpc_polling, "version", lambda _name: release)
    # Of a variable that is not set nothing is kept to be put back: what is told here would stay.
    monkeypatch.setenv("GRPC_EXPERIMENTS", "")
    monkeypatch.delenv("GRPC_EXPERIMENTS")
    if already is not None:
        monkeypatch.setenv("GRPC_EXPERIMENTS", already)

    grpc_polling.read_by_one_thread()

    assert os.environ.get("GRPC_EXPERIMENTS") == expected


# The command itself, in a process that says what gRPC finds as it is loaded, and ends there.
_COLLECTOR = """
import os, sys
from headstart.cli import grpc_polling
from headstart.cli.entry import main

class Told:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("grpc", "grpc_health"):
            print(os.environ.get("GRPC_EXPERIMENTS"), flush=True)
            os._exit(0)

assert "grpc" not in sys.modules
# Whichever release is installed here.
grpc_polling._MEASURED = ((0, 0), (999, 0))
sys.meta_path.insert(0, Told())
sys.argv = ["headstart", "collector", *sys.argv[1:]]
main()
"""


def test_a_collector_says_it_before_grpc_is_loaded(tmp_path: Path) -> None:
    ran = subprocess.run(
        [
            *(sys.executable, "-c", _COLLECTOR, "--data", tmp_path),
            *("--listen", f"unix:{tmp_path / 'c.sock'}", "--metrics-listen", "none"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "GRPC_EXPERIMENTS"},
    )

    assert ran.stdout == "-event_engine_listener\n", ran.stderr
