"""What a command says when it cannot go on: no traceback, no silence, the right exit code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.cli.extras import MODULES, NEEDED
from headstart.cli.installed import command_for
from support.running import HEADSTART, Ran

START = "from headstart.cli.entry import main; sys.argv[0] = 'headstart'; main()"


def python(before: str, *arguments: str, tmp: Path | None = None) -> Ran:
    """The command in an interpreter in which something was arranged before."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {before}; {START}", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "TMPDIR": str(tmp or "/tmp")},
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", NEEDED)
def test_a_missing_extra_is_named_in_one_line_before_anything_begins(command: str) -> None:
    hidden = "; ".join(f"sys.modules[{name!r}] = None" for name in MODULES[NEEDED[command]])
    ran = python(hidden, command)

    assert ran.status == 3
    assert ran.output == ""
    assert re.fullmatch(
        rf"headstart: '{command}' needs the packages [a-z0-9_, ]+, which are not installed: "
        rf"{re.escape(command_for(NEEDED[command]))}\n",
        ran.errors,
    )


def test_a_package_that_is_missing_under_way_is_named_likewise(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("experiment: x\n")
    ran = python("sys.modules['yaml'] = None", "submit", str(file), "--blocks", "3")

    assert ran.status == 3
    assert ran.errors == (
        "headstart: this needs the package yaml, which is not installed: "
        f"{command_for('collector')}\n"
    )


def test_what_nobody_foresaw_is_one_line_and_a_file_that_only_its_user_reads(
    tmp_path: Path,
) -> None:
    broken = "import headstart.cli.main as m; m.COMMANDS = 5"
    ran = python(broken, "status", tmp=tmp_path)
    (kept,) = tmp_path.iterdir()

    assert ran.status == 3
    assert ran.errors.count("\n") == 1
    assert ran.errors.startswith("headstart: a fault of its own: TypeError: ")
    assert ran.errors.endswith(f"; the traceback is in {kept}\n")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text().startswith("Traceback (most recent call last):\n")


def test_a_reader_that_stops_reading_changes_nothing() -> None:
    piped = subprocess.run(
        ["bash", "-c", f"{HEADSTART} schema | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert piped.stdout.split() == ["0"]
    assert piped.stderr == ""


@pytest.mark.parametrize("command", ["schema", "--help"])
def test_an_output_on_a_full_disk_is_said_in_one_line(command: str) -> None:
    full = subprocess.run(
        ["bash", "-c", f"{HEADSTART} {command} > /dev/full"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert full.returncode == 3
    assert full.stderr == "headstart: its output: No space left on device\n"
