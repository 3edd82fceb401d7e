"""The rooms of the house and who may enter which."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("words", "agent", "collector", "dashboards", "cli")
HALVES = ("agent", "collector")
# Heavy packages that an agent must not need.
NOT_IN_AGENT = {
    "cryptography",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "rich",
    "yaml",
    "pydantic",
    "sqlalchemy",
}


def imports(file: Path, each_name: bool = False) -> set[str]:
    """Every module that a file imports, absolute names; or each name that it takes of one."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            taken = [f"{node.module}.{alias.name}" for alias in node.names]
            names.update(taken if each_name else [node.module])
    return names


def test_the_namespace_belongs_to_nobody() -> None:
    assert [room for room in ROOMS if (ROOT / room / "headstart" / "__init__.py").exists()] == []
    assert not (ROOT / "proto/gen/headstart/__init__.py").exists()


def test_no_import_runs_back_up() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]

    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def face_of(package: str) -> set[str] | None:
    """What a package names for others; None where it is no package."""
    half = package.split(".")[1]
    face = ROOT / half / Path(*package.split("."), "__init__.py")
    if not face.exists():
        return None
    for node in ast.parse(face.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def modules(*rooms: str) -> Iterator[tuple[str, Path]]:
    for room in rooms:
        for file in (ROOT / room).rglob("*.py"):
            names = file.relative_to(ROOT / room).with_suffix("").parts
            yield ".".join(names[:-1] if names[-1] == "__init__" else names), file


def test_each_call_takes_a_role_or_nobody_may_make_it() -> None:
    from headstart.collector.identity.audited_calls import AUDITED, UNCHANGING
    from headstart.collector.identity.call_roles import OPEN, ROLES
    from headstart.words.roles import Role

    called = {
        f"/headstart.v1.{service[1]}/{call}"
        for file in (ROOT / "proto/headstart/v1").glob("*.proto")
        for service in re.finditer(r"^service (\w+) {(.*?)^}", file.read_text(), re.M | re.S)
        for call in re.findall(r"^  rpc (\w+)\(", service[2], re.M)
    }

    assert len(called) > 15
    of_operators = {call for call, roles in ROLES.items() if roles == {Role.OPERATOR}}

    assert called - (OPEN | ROLES.keys()) == set(), "collector/identity/call_roles.py"
    assert of_operators == AUDITED.keys() | UNCHANGING, "collector/identity/audited_calls.py"


def test_nothing_is_kept_that_a_merge_or_an_editor_left() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    left = re.compile(r"\.(orig|rej|bak|swp|pyc)$|~$")
    assert [name for name in listed.stdout.splitlines() if left.search(name)] == []


def test_each_room_says_what_it_is_for() -> None:
    mute = {
        str(folder.relative_to(ROOT))
        for folder in {file.parent for _, file in modules(*HALVES)}
        if not (face := folder / "__init__.py").exists()
        or not ast.get_docstring(ast.parse(face.read_text()))
    }

    assert mute == set()


def test_a_room_is_entered_by_its_face() -> None:
    """What a room does not name in `__all__` is its own; tests may look in everywhere."""
    entered = {
        f"{module}: {package}.{name}"
        for module, file in modules(*ROOMS)
        for imported in imports(file, each_name=True)
        for package, name in steps_into(imported)
        if not f"{module}.".startswith(f"{package}.")
        and (face := face_of(package)) is not None
        and name not in face
    }

    assert entered == set()


def steps_into(imported: str) -> Iterator[tuple[str, str]]:
    """Each package that an import goes through, with the name that it takes there."""
    parts = imported.split(".")
    if parts[0] == "headstart" and len(parts) > 2 and parts[1] in HALVES:
        yield from ((".".join(parts[:n]), parts[n]) for n in range(2, len(parts)))


# Modules of one name, since they are about one thing: taken in one part, found or shown in another.
SAME_THING = {
    "aa", "builds", "collector", "columns", "companions", "counters", "diagnostics", "export",
    "faults", "figures", "fleet", "formats", "gate", "gates", "histogram", "history", "host",
    "images", "jobs", "json", "load", "memory", "memory_floor", "metrics", "outcomes", "points",
    "ramp", "reference", "report", "results", "run", "runs", "runtimes", "service", "several_hosts",
    "shifts", "startup", "store", "table", "trials", "two_runs", "validity", "windows",
}  # fmt: skip


def test_no_module_has_the_name_of_another_one() -> None:
    found = [module.split(".") for module, file in modules(*ROOMS) if file.stem != "__main__"]
    names = Counter(
        name
        for *above, name in found
        # A room's first module may bear its name, and a command that of the part it is for.
        if above[-1] != name and not (above[-1] == "cli" and name in ROOMS)
    )

    assert {name for name, times in names.items() if times > 1} - SAME_THING == set()


@pytest.mark.parametrize("half", HALVES)
def test_the_hall_stays_small_enough_to_see_at_once(half: str) -> None:
    entries = [
        each for each in (ROOT / half / "headstart" / half).iterdir() if each.name != "__pycache__"
    ]

    assert len(entries) <= 24


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

    assert talking <= {
        "build_engine.py",
        "docker_client.py",
        "engine.py",
        "event_stream.py",
        "pull_engine.py",
    }


def test_only_the_commands_exit() -> None:
    exiting = {
        str(file.relative_to(ROOT))
        for room in ("agent", "collector", "dashboards")
        for file in (ROOT / room).rglob("*.py")
        if "sys.exit(" in file.read_text() and '__name__ == "__main__"' not in file.read_text()
    }

    assert exiting == set()


# What runs trials, builds and reads images: loaded with the first run that needs it.
NOT_AT_REST = {
    "agent.run",
    "agent.trial.trial",
    "agent.memory_floor",
    "agent.builds.builder",
    "agent.image",
}


def loaded_by(module: str) -> list[str]:
    listed = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", listed]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_help_of_the_collector_waits_for_no_grpc() -> None:
    loaded = loaded_by("headstart.cli.collector")

    assert {"grpc", "google.protobuf", "headstart.collector.config"}.isdisjoint(loaded)


def test_an_agent_at_rest_has_loaded_nothing_of_runs_or_of_the_collector() -> None:
    loaded = loaded_by("headstart.cli.agent, headstart.agent.agent")
    unwanted = {f"headstart.{name}" for name in {*NOT_AT_REST, "collector"}}

    assert "headstart.agent.agent" in loaded
    assert unwanted.intersection(loaded) == set()
    assert NOT_IN_AGENT.intersection(loaded) == set()
