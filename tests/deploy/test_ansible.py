"""The Ansible role: a collector and a host set up, upgraded and removed, in folders of a test.

No systemd is process 1 here, so that the role leaves starting to the test; it skips nothing else.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.packages import ROOT, build, checkout
from support.postgres_server import PostgresServer, missing
from support.running import free_port
from support.waiting import wait_until

ROLE = ROOT / "deploy/ansible"
BIN = Path(sys.executable).parent
_NOTE = 'a "word", $HOME and C:\\folder'

pytestmark = [
    pytest.mark.ansible,
    pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="it would start real units"),
    pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no checkout: a wheel is of a commit"),
]


class Fleet:
    """A collector and the host perf1, each in a folder in the place of a machine's."""

    def __init__(self, root: Path, wheel: Path, store: str = "") -> None:
        self.root = root
        self.socket = f"unix:{root}/met/collector.sock"
        ports = [free_port(), free_port()]
        collector = {
            "HEADSTART_COLLECTOR_LISTEN": f"{self.socket} 127.0.0.1:{ports[0]}",
            "HEADSTART_COLLECTOR_ENROLL_LISTEN": f"127.0.0.1:{ports[1]}",
            "HEADSTART_COLLECTOR_METRICS_LISTEN": "127.0.0.1:0",
            "HEADSTART_COLLECTOR_DATA": f"{root}/bench/state",
            # Of no command: what systemd reads back, whatever is in it.
            "NOTE": _NOTE,
        } | ({"HEADSTART_COLLECTOR_STORE": store} if store else {})
        agent = {"HEADSTART_AGENT_STATE": f"{root}/perf1/state"}
        self.inventory: dict[str, Any] = {
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "ansible_become": False,
                "headstart_wheel": str(wheel),
                "headstart_collector": "bench",
                "headstart_advertise": "localhost",
                "headstart_socket": self.socket,
                "headstart_packages": [],
                "headstart_pip_arguments": ["--no-index"],
            },
            "children": {
                "collectors": {
                    "hosts": {"bench": self._host("bench", "collector", collector)},
                },
                "hosts_that_measure": {
                    "hosts": {
                        "perf1": self._host("perf1", "agent", agent)
                        | {"headstart_policy": 'images = ["a:*"]\n', "headstart_labels": ["p=q"]}
                    },
                },
            },
        }

    def _host(self, name: str, part: str, environment: dict[str, str]) -> dict[str, Any]:
        folder = self.root / name
        units = folder / "units"
        units.mkdir(parents=True)
        _environment(folder / "opt")
        return {
            "headstart_part": part,
            "headstart_environment": environment,
            "headstart_prefix": str(folder / "opt"),
            "headstart_configuration": str(folder / "etc"),
            "headstart_state": str(folder / "state"),
            "headstart_units": str(units),
            "headstart_backups": str(folder / "backups"),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook."""
        inventory = self.root / "inventory.json"
        inventory.write_text(json.dumps({"all": self.inventory}))
        return subprocess.run(
            [BIN / "ansible-playbook", "-i", inventory, *words],
            cwd=ROLE,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ANSIBLE_HOME": str(self.root / "ansible"), "LC_ALL": "C.UTF-8"},
        )

    def play(self, *words: str) -> dict[str, dict[str, int]]:
        """The same; each host's counts of ok, changed, failed and so on."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        recap = done.stdout.rpartition("PLAY RECAP")[2]
        return {
            host: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", counts)}
            for host, counts in re.findall(r"^(\w+) +: (.*)$", recap, re.MULTILINE)
        }

    def options(self, host: str, part: str) -> dict[str, str]:
        """What the unit's file of options says: by a shell's rules, which here are systemd's."""
        lines = (self.root / host / f"etc/{part}.env").read_text().splitlines()
        return dict(shlex.split(line)[0].split("=", 1) for line in lines if line[:1] != "#")

    @contextmanager
    def started(self, host: str, part: str) -> Iterator[None]:
        """What the unit starts, with the options that its file has."""
        options = self.options(host, part)
        with (self.root / f"{part}.log").open("a") as log:
            process = subprocess.Popen(
                [self.root / host / "opt/bin/headstart", part],
                env={**os.environ, **options},
                stderr=log,
                stdout=log,
            )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)

    def hosts(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [self.root / "bench/opt/bin/headstart", "host", "list", "--json"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HEADSTART_COLLECTOR": self.socket},
        )
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout)["hosts"])


def _environment(folder: Path) -> None:
    """As `python3 -m venv` makes it, with what is required beside the interpreter of the tests."""
    venv.create(folder, symlinks=True, with_pip=False)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)}))
    (site / "of-the-tests.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = folder / "bin/pip"
    pip.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m pip --python "{folder}/bin/python" "$@"\n'
    )
    pip.chmod(0o755)


@pytest.mark.timeout(600)
def test_a_fleet_is_set_up_once_upgraded_with_a_drain_and_removed(
    short_path: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    wheel = build(checkout(tmp_path / "source"), "wheel", tmp_path)
    # In a database, where there is one: the copy before an upgrade has to know of it.
    server = PostgresServer() if missing() is None else None
    if server is not None:
        server.start()
        request.addfinalizer(server.close)
    store = server.new_database() if server is not None else ""
    fleet = Fleet(short_path, wheel, store)

    def answers() -> bool:
        return (short_path / "met/collector.sock").is_socket()

    def attends() -> bool:
        return [each["connected"] for each in fleet.hosts()] == [True]

    fleet.play("site.yml", "--limit", "bench")
    with fleet.started("bench", "collector"):
        wait_until(answers, seconds=120)
        fleet.play("site.yml", "--limit", "perf1")
        with fleet.started("perf1", "agent"):
            wait_until(attends, seconds=120)
            (host,) = fleet.hosts()
            again = fleet.play("site.yml")
            newer = tmp_path / "newer" / wheel.name
            newer.parent.mkdir()
            newer.write_bytes(wheel.read_bytes())
            with zipfile.ZipFile(newer, "a") as archive:
                archive.comment = b"another build of it"
            fleet.inventory["vars"]["headstart_wheel"] = str(newer)
            upgraded = fleet.play("site.yml")
            after = fleet.hosts()
        removed = fleet.play("remove.yml", "--limit", "perf1")
        left = fleet.hosts()

    assert host["host"]["host"] == "perf1"
    assert {name: counts["changed"] for name, counts in again.items()} == {"bench": 0, "perf1": 0}
    # Brought, installed by two commands, written down; the store copied, or drained and resumed.
    assert upgraded["bench"]["changed"] > 3 < upgraded["perf1"]["changed"]
    (copy,) = (short_path / "bench/backups").iterdir()
    assert (copy / "identity/authority.key").exists()
    assert (copy / "headstart.sqlite").exists()
    assert fleet.options("bench", "collector")["NOTE"] == _NOTE
    drains = (short_path / "collector.log").read_text()
    assert "upgrade by Ansible" in drains
    assert after[0]["drained_time_seconds"] == 0
    assert removed["perf1"]["changed"] > 0
    assert not (short_path / "perf1/opt").exists()
    assert (short_path / "perf1/state/identity/identity.pem").exists()
    assert left == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("playbook", ["site.yml", "remove.yml"])
def test_the_folder_of_a_machine_s_other_part_is_left_alone(
    playbook: str, short_path: Path
) -> None:
    """A machine that is both: what one part does to the other's package."""
    fleet = Fleet(short_path, short_path / "headstart-0.1.0-py3-none-any.whl")
    installed = short_path / "perf1/opt/wheel/installed"
    installed.parent.mkdir()
    installed.write_text("0123 collector\n")

    done = fleet.run(playbook, "--limit", "perf1")

    assert done.returncode != 0
    assert "has the other part in it" in done.stdout
    assert installed.read_text() == "0123 collector\n"


def test_no_log_has_the_token_that_lets_a_host_in() -> None:
    """Ansible's modules write to a host's log what they are given, standard input too."""
    tasks = yaml.safe_load((ROLE / "roles/headstart/tasks/agent.yml").read_text())
    steps = [step for task in tasks for step in task.get("block", [task])]
    with_token = [step for step in steps if "headstart_token" in str(step)]

    assert len(with_token) == 2
    assert all(step["no_log"] is True for step in with_token)


def test_the_role_meets_ansible_s_rules() -> None:
    done = subprocess.run(
        [BIN / "ansible-lint", "--offline", "--strict", "."],
        cwd=ROLE,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
