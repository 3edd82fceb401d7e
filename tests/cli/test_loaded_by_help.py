"""What the help of a command loads: the command line alone, nothing of what the command does."""

import subprocess
import sys

import pytest

from headstart.cli.extras import MODULES
from headstart.cli.main import COMMANDS

_HELP = """
import sys
from headstart.cli.entry import main
sys.argv = ["headstart", *sys.argv[1:], "--help"]
try:
    main()
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""
# Of an extra, or of what an agent needs to measure.
_OF_WORK = {module for modules in MODULES.values() for module in modules} | {
    *("cryptography", "docker", "psutil", "requests", "sqlite3", "zstandard"),
    *("headstart.agent.agent", "headstart.agent.run", "headstart.collector.server"),
    *("headstart.collector.analysis.analyse", "headstart.collector.store.store"),
}
_OF_CALLS = {"grpc", "google.protobuf"}
# They work on this machine, wait for others to call, or load what calls when they do.
_WITHOUT_CALLS = (
    *("try", "init", "check", "run", "aa", "doctor", "collector", "agent", "restore", "store"),
    *("dashboards", "rules", "schema", "trials"),
)


def loaded_by_help(*command: str) -> set[str]:
    ran = subprocess.run(
        [sys.executable, "-c", _HELP, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert ran.stdout.startswith(f"Usage: headstart {' '.join(command)}".rstrip())
    return set(ran.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_of_what_the_command_does(name: str) -> None:
    unwanted = _OF_WORK | _OF_CALLS if name in _WITHOUT_CALLS else _OF_WORK

    assert loaded_by_help(name).intersection(unwanted) == set()


def test_help_of_all_commands_loads_none_of_them() -> None:
    loaded = loaded_by_help()

    assert {f"headstart.cli.{name}" for name in COMMANDS}.intersection(loaded) == set()
    assert loaded.intersection(_OF_WORK | _OF_CALLS) == set()
