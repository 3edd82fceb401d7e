"""The rooms of the house and who may enter which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("words", "agent", "collector", "dashboards", "cli")
# What each part may import of the namespace, besides itself.
MAY_IMPORT = {
    "words": set(),
    "agent": {"v1", "words"},
    "collector": {"v1", "words"},
    "dashboards": {"words"},
    "cli": {"v1", "words", "agent", "collector", "dashboards"},
}
# Heavy packages that an agent must not need.
NOT_IN_AGENT = {"numpy", "scipy", "pandas", "matplotlib", "rich", "yaml", "pydantic", "sqlalchemy"}


def imports(file: Path) -> set[str]:
    """Every module that a file imports, absolute names."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_the_namespace_belongs_to_nobody() -> None:
    assert [room for room in ROOMS if (ROOT / room / "headstart" / "__init__.py").exists()] == []
    assert not (ROOT / "proto/gen/headstart/__init__.py").exists()


@pytest.mark.parametrize("room", ROOMS)
def test_a_part_imports_only_what_it_may(room: str) -> None:
    allowed = MAY_IMPORT[room] | {room}
    trespassers = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / room).rglob("*.py")
        for name in imports(file)
        if name.startswith("headstart.") and name.split(".")[1] not in allowed
    }

    assert trespassers == set()


def test_an_agent_stays_lean() -> None:
    heavy = {
        f"{file.relative_to(ROOT)}: {name}"
        for file in (ROOT / "agent").rglob("*.py")
        for name in imports(file)
        if name.split(".")[0] in NOT_IN_AGENT
    }

    assert heavy == set()


def test_only_running_and_building_talk_to_the_engine() -> None:
    talking = {
        file.name
        for file in (ROOT / "agent").rglob("*.py")
        # docker.utils packs build contexts and asks no engine.
        if any(
            f"{name}.".startswith("docker.") and not f"{name}.".startswith("docker.utils.")
            for name in imports(file)
        )
    }

    assert talking <= {"docker_connection.py", "docker_engine.py", "engine.py"}


def test_only_the_commands_exit() -> None:
    exiting = {
        str(file.relative_to(ROOT))
        for room in ("agent", "collector", "dashboards")
        for file in (ROOT / room).rglob("*.py")
        if "sys.exit(" in file.read_text() and '__name__ == "__main__"' not in file.read_text()
    }

    assert exiting == set()


# What runs trials, builds and reads images: loaded with the first run that needs it.
NOT_AT_REST = {"agent.run", "agent.trial", "agent.floor", "agent.build.builder", "agent.image"}


def loaded_by(module: str) -> list[str]:
    listed = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", listed]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_help_of_the_collector_waits_for_no_grpc() -> None:
    loaded = loaded_by("headstart.cli.collector")

    assert {"grpc", "google.protobuf", "headstart.collector.config"}.isdisjoint(loaded)


def test_an_agent_at_rest_has_loaded_nothing_of_runs_or_of_the_collector() -> None:
    loaded = loaded_by("headstart.cli.agent")
    unwanted = {f"headstart.{name}" for name in {*NOT_AT_REST, "collector"}}

    assert "headstart.agent.agent" in loaded
    assert unwanted.intersection(loaded) == set()
    assert NOT_IN_AGENT.intersection(loaded) == set()
