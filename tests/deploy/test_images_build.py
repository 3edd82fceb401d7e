"""deploy/images/build, with stand-ins for the engine and for what makes a root."""

import subprocess
import time
from pathlib import Path

import pytest

from support.packages import ROOT

BUILD = ROOT / "deploy/images/build"
# What it takes of every system, beside the programs that stand in here.
_SYSTEM = ("bash", "basename", "cat", "cut", "date", "dirname", "mktemp", "realpath", "rm", "sed")
_DOCKER = """echo "$@" >>"$0.log"
case "$1 $2" in
    "image inspect") [ -n "$ROOT_IS" ] && echo "$ROOT_IS" ;;
    "import "*) cat "$2" >"$0.imported" ;;
    *) exit 9 ;;
esac"""


class Machine:
    """A PATH with stand-ins, and a wheel to be built of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir()
        for name in _SYSTEM:
            (self.bin / name).symlink_to(f"/usr/bin/{name}")
        self.has("docker", _DOCKER)
        self.has("mmdebstrap", 'for last; do [ "$last" = - ] || out=$last; done; echo root >"$out"')
        self.has("python3", "exit 0")
        self.has("unzip", "exit 0")
        self.wheel = folder / "headstart-0.1.0-py3-none-any.whl"
        self.wheel.touch()
        self.sources = folder / "debian.sources"
        self.sources.write_text("deb http://deb.debian.org/debian bookworm main\n")

    def has(self, program: str, does: str) -> None:
        path = self.bin / program
        path.write_text(f"#!/bin/sh\n{does}\n")
        path.chmod(0o755)

    def build(self, *words: str, root: str = "") -> tuple[int, str]:
        done = subprocess.run(
            [BUILD, *words],
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": str(self.bin),
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "APT_SOURCES": str(self.sources),
                "ROOT_IS": root,
            },
        )
        return done.returncode, done.stderr

    def imported(self) -> str | None:
        """What was given to the engine as a root."""
        path = self.bin / "docker.imported"
        return path.read_text() if path.exists() else None


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--ofline", "WHEEL"], "there is no option --ofline"),
        (["--offline"], "expected one wheel after the options, got 0"),
        (["WHEEL", "WHEEL"], "expected one wheel after the options, got 2"),
        (["no.whl"], "no.whl is no wheel"),
    ],
)
def test_a_call_that_is_wrong_is_told_how_it_is_made(
    words: list[str], says: str, machine: Machine
) -> None:
    given = [str(machine.wheel) if word == "WHEEL" else word for word in words]

    status, errors = machine.build(*given)

    assert (status, errors.splitlines()[-1]) == (2, f"build: {says}")
    assert "./build [--offline] [--fresh] headstart-...whl" in errors


@pytest.mark.parametrize("program", ["docker", "unzip", "mmdebstrap"])
def test_what_is_missing_is_named_with_its_package_before_anything_is_made(
    program: str, machine: Machine
) -> None:
    (machine.bin / program).unlink()

    status, errors = machine.build("--offline", "--fresh", str(machine.wheel))

    package = {"docker": "docker.io"}.get(program, program)
    assert (status, errors) == (2, f"build: {program} is not here (Debian package {package})\n")
    assert machine.imported() is None


def test_sources_of_packages_that_are_not_there_leave_the_root_as_it_is(machine: Machine) -> None:
    machine.sources.unlink()

    status, errors = machine.build("--offline", "--fresh", str(machine.wheel))

    assert (status, "no sources of packages" in errors) == (2, True)
    assert machine.imported() is None


def test_a_root_that_was_not_finished_is_not_imported(machine: Machine) -> None:
    machine.has("mmdebstrap", "exit 25")

    status, _ = machine.build("--offline", str(machine.wheel))

    assert status == 25
    assert machine.imported() is None


@pytest.mark.parametrize(
    ("root", "made"),
    [("0 NOW", True), ("123 NOW", False), ("123 2020-01-01T00:00:00Z", True), ("", True)],
)
def test_a_root_is_made_where_there_is_none_or_an_empty_or_an_old_one(
    root: str, made: bool, machine: Machine
) -> None:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    # The engine that stands in builds nothing, so that it ends there.
    status, _ = machine.build("--offline", str(machine.wheel), root=root.replace("NOW", now))

    assert status == 9
    assert machine.imported() == ("root\n" if made else None)
