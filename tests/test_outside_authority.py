"""The recipe of docs/ACCESS.md for an authority of one's own, run as it stands there."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.headstart_programs import program
from support.running import HEADSTART

pytestmark = [
    pytest.mark.alone,
    pytest.mark.root,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="not installed: openssl"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="not installed: ip (iproute2)"),
]

ROOT = Path(__file__).parents[1]
SECTION = (ROOT / "docs/ACCESS.md").read_text().partition("## An authority of your own")[2]


def recipe() -> str:
    """What the page has a shell do."""
    return SECTION.partition("```sh\n")[2].partition("```")[0]


def commands() -> dict[str, list[str]]:
    """The page's `headstart` commands: their arguments by subcommand."""
    joined = SECTION.replace("\\\n", " ")
    found = [
        shlex.split(line) for line in re.findall(r"^    headstart (.+)$", joined, re.MULTILINE)
    ]
    return {words[0]: words for words in found}


@contextmanager
def machine(folder: Path) -> Iterator[Sequence[str]]:
    """What begins a command on a machine that is called collector.example, in a folder."""
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 localhost collector.example\n")
    setup = 'ip link set lo up && mount --bind "$0" /etc/hosts && echo ready && exec cat'
    with subprocess.Popen(
        ["unshare", "--net", "--mount", "sh", "-c", setup, hosts],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        yield ("nsenter", f"--target={holder.pid}", "--net", "--mount", f"--wd={folder}")
        assert holder.stdin is not None
        holder.stdin.close()


@pytest.mark.timeout(120)
def test_an_authority_made_by_the_recipe_lets_an_agent_and_an_operator_in(tmp_path: Path) -> None:
    subprocess.run(["sh", "-euc", recipe()], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "roles.toml").write_text('operator = ["anna@example.com"]\n')
    shutil.copy(ROOT / "deploy/systemd/policy.toml", tmp_path)
    said = commands()
    store = ("--data", tmp_path / "data", "--metrics-listen", "none")
    with (
        machine(tmp_path) as within,
        program(*said["collector"], *store, within=within) as collector,
    ):
        collector.line("collector listens:")
        with program(*said["agent"], "--state", tmp_path / "state", within=within) as agent:
            agent.line("attending collector.example:7070")
            by_anna = _ran(within, said["status"])
            as_perf1 = [word.replace("anna", "perf1") for word in said["status"]]
            by_perf1 = _ran(within, as_perf1)

    assert by_anna.stdout.startswith("perf1: connected"), by_anna.stderr
    # A host's certificate reads nothing.
    assert (by_perf1.returncode, by_perf1.stdout) == (2, "")
    keys = list(tmp_path.glob("*.key"))
    assert len(keys) == 4
    assert {key.stat().st_mode & 0o077 for key in keys} == {0}


def _ran(within: Sequence[str], words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*within, HEADSTART, *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"HOME": "/nonexistent"},
    )
