"""The Ansible role: a collector and a host set up, upgraded and removed, in folders of a test.

No systemd is process 1 here, so that the role leaves starting to the test; it skips nothing else.
"""

import asyncio
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

from support.attending import attend, collecting, submit
from support.packages import ROOT, build, checkout
from support.postgres_server import PostgresServer, missing
from support.running import free_port, headstart
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
            # Of no command: what systemd reads back, whatever is in it.
            "NOTE": _NOTE,
        } | ({"HEADSTART_COLLECTOR_STORE": store} if store else {})
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
                        "perf1": self._host("perf1", "agent", {})
                        | {"headstart_policy": 'images = ["a:*"]\n', "headstart_labels": ["p=q"]}
                    },
                },
            },
        }

    def _host(self, name: str, part: str, environment: dict[str, str]) -> dict[str, Any]:
        folder = self.root / name
        folder.mkdir(parents=True)
        _environment(folder / "opt")
        return {
            "headstart_part": part,
            "headstart_environment": environment,
            "headstart_prefix": str(folder / "opt"),
            "headstart_configuration": str(folder / "etc"),
            "headstart_state": str(folder / "state"),
            "headstart_units": str(folder / "units"),
            "headstart_backups": str(folder / "backups"),
        }

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ansible-playbook."""
        inventory = self.root / "inventory.json"
        inventory.write_text(json.dumps({"all": self.inventory}))
        return _playbook(self.root, "-i", str(inventory), *words)

    def play(self, *words: str) -> dict[str, dict[str, int]]:
        """The same; each host's counts of ok, changed, failed and so on."""
        done = self.run(*words)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
        recap = done.stdout.rpartition("PLAY RECAP")[2]
        return {
            host: {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", counts)}
            for host, counts in re.findall(r"^(\w+) +: (.*)$", recap, re.MULTILINE)
        }

    def unit(self, host: str, part: str) -> list[tuple[str, str]]:
        """The unit's settings, in their order."""
        unit = self.root / host / f"units/headstart-{part}.service"
        lines = [line.partition("=") for line in unit.read_text().splitlines()]
        return [(name, value) for name, equals, value in lines if equals]

    def options(self, host: str, part: str) -> dict[str, str]:
        """What the unit has its part started with, in its own lines and the file that it names.

        By a shell's rules, which here are systemd's.
        """
        unit = self.unit(host, part)
        lines = [value for name, value in unit if name == "Environment"]
        for file in (value.removeprefix("-") for name, value in unit if name == "EnvironmentFile"):
            lines += [line for line in Path(file).read_text().splitlines() if line[:1] != "#"]
        return dict(shlex.split(line)[0].split("=", 1) for line in lines)

    @contextmanager
    def started(self, host: str, part: str) -> Iterator[None]:
        """What the unit starts, with the options that it names."""
        (command,) = (value for name, value in self.unit(host, part) if name == "ExecStart")
        with (self.root / f"{part}.log").open("a") as log:
            process = subprocess.Popen(
                shlex.split(command),
                env={**os.environ, **self.options(host, part)},
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


def _playbook(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "ansible-playbook", *words],
        cwd=ROLE,
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "ANSIBLE_HOME": str(folder / "ansible"),
            "ANSIBLE_ROLES_PATH": str(ROLE / "roles"),
            "LC_ALL": "C.UTF-8",
        },
    )


def _plays(folder: Path, *tasks: dict[str, Any], **variables: Any) -> tuple[int, str]:
    """How a play of these tasks on this machine ends, and what it says."""
    variables["ansible_python_interpreter"] = sys.executable
    play = {"hosts": "localhost", "connection": "local", "gather_facts": False}
    (folder / "play.json").write_text(json.dumps([play | {"tasks": tasks, "vars": variables}]))
    done = _playbook(folder, "-i", "localhost,", str(folder / "play.json"))
    return done.returncode, done.stdout + done.stderr


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


@pytest.mark.timeout(900)
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
        removed = fleet.play("remove.yml", "--limit", "perf1", "-e", "headstart_remove_state=no")
        left = fleet.hosts()

    assert host["host"]["host"] == "perf1"
    assert {name: counts["changed"] for name, counts in again.items()} == {"bench": 0, "perf1": 0}
    # Brought, installed by two commands, written down; the store copied, or drained and resumed.
    assert upgraded["bench"]["changed"] > 3 < upgraded["perf1"]["changed"]
    (copy,) = (short_path / "bench/backups").iterdir()
    assert (copy / "identity/authority.key").exists()
    assert (copy / "headstart.sqlite").exists()
    options = fleet.options("bench", "collector")
    assert (options["NOTE"], options["HEADSTART_COLLECTOR_DATA"]) == (
        _NOTE,
        f"{short_path}/bench/state",
    )
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


async def _host_shown(folder: Path) -> tuple[str, str, str]:
    """What `headstart host show --json` prints of a host without a run and with one; its run."""
    async with collecting(folder) as collector, attend(collector.port, host="perf1") as agent:
        to = ("--plaintext", "--collector", f"127.0.0.1:{collector.port}")
        show = ("host", "show", "perf1", "--json", *to)
        idle = await asyncio.to_thread(headstart, *show)
        (run_id,) = await submit(collector.port)
        await agent.until("lease")
        busy = await asyncio.to_thread(headstart, *show)
    return idle.output, busy.output, run_id


def test_an_upgrade_waits_for_the_run_that_the_collector_tells_of(tmp_path: Path) -> None:
    tasks = yaml.safe_load((ROLE / "roles/headstart/tasks/before_upgrade_of_agent.yml").read_text())
    (wait,) = (task for task in tasks if "until" in task)
    idle, busy, run_id = asyncio.run(_host_shown(tmp_path))

    def holds(expected: str, stdout: str) -> tuple[int, str]:
        return _plays(
            tmp_path,
            {"ansible.builtin.assert": {"that": [expected, f"{wait['retries'][3:-3]} == 240"]}},
            headstart_shown={"rc": 0, "failed": False, "stdout": stdout},
            # As `-e headstart_drain_minutes=120` gives it.
            headstart_drain_minutes="120",
        )

    waits = holds(f"not ({wait['until']})", busy)
    goes_on = holds(wait["until"], idle)
    cannot_tell = holds(wait["until"], '{"host": {}}')

    assert json.loads(busy)["host"]["running_run_id"] == run_id
    assert waits[0] == 0, waits[1]
    assert goes_on[0] == 0, goes_on[1]
    assert cannot_tell[0] != 0
    assert "has no host.running_run_id" in " ".join(cannot_tell[1].split())


def test_each_upgrade_of_a_collector_has_a_copy_of_its_own_if_there_is_a_store(
    tmp_path: Path,
) -> None:
    command = tmp_path / "opt/bin/headstart"
    command.parent.mkdir(parents=True)
    # As `headstart backup --data STATE COPY`, which replaces nothing.
    command.write_text('#!/bin/sh\nexec mkdir "$4"\n')
    command.chmod(0o755)

    def upgrade() -> list[str]:
        role = {"name": "headstart", "tasks_from": "before_upgrade_of_collector"}
        status, said = _plays(
            tmp_path,
            {"ansible.builtin.include_role": role},
            headstart_part="collector",
            headstart_prefix=str(tmp_path / "opt"),
            headstart_state=str(tmp_path / "state"),
            headstart_backups=str(tmp_path / "backups"),
            headstart_installed="0123456789abcdef collector",
        )
        assert status == 0, said
        return sorted(each.name for each in (tmp_path / "backups").iterdir())

    never_started = upgrade()
    (tmp_path / "state").mkdir()
    (tmp_path / "state/headstart.sqlite").touch()
    one = upgrade()
    two = upgrade()

    assert (len(never_started), len(one), len(two)) == (0, 1, 2)
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-of-0123456789ab", name) for name in two)


@pytest.mark.parametrize(
    ("state", "made"),
    [
        ("/var/lib/headstart-agent", "StateDirectory=headstart-agent"),
        ("/var/lib/perf/agent", "StateDirectory=perf/agent"),
        ("/data/agent", "# Not below /var/lib: no StateDirectory"),
    ],
)
def test_a_unit_names_the_folders_that_the_host_has(state: str, made: str, tmp_path: Path) -> None:
    """As it is in deploy/systemd, where the host has no other ones."""
    tasks = yaml.safe_load((ROLE / "roles/headstart/tasks/unit.yml").read_text())
    (bring,) = (task for task in tasks if task["name"] == "Bring the unit")
    unit = ROOT / "deploy/systemd/headstart-agent.service"
    where = "/etc/headstart" if state == "/var/lib/headstart-agent" else "/etc/perf"

    status, said = _plays(
        tmp_path,
        {
            "ansible.builtin.copy": {
                "content": bring["ansible.builtin.copy"]["content"],
                "dest": str(tmp_path / "unit"),
            }
        },
        **(bring["vars"] | {"unit": str(unit)}),
        headstart_part="agent",
        headstart_prefix="/opt/headstart",
        headstart_configuration=where,
        headstart_state=state,
    )

    assert status == 0, said
    expected = (
        unit.read_text()
        .replace("/etc/headstart/", f"{where}/")
        .replace("/var/lib/headstart-agent", state)
        .replace("StateDirectory=headstart-agent", made)
    )
    assert (tmp_path / "unit").read_text() == expected


def test_lists_that_are_given_as_a_text_are_refused(short_path: Path) -> None:
    fleet = Fleet(short_path, short_path / "headstart-0.1.0-py3-none-any.whl")

    done = fleet.run("site.yml", "--limit", "perf1", "-e", "headstart_labels=pool=perf")

    assert done.returncode != 0
    assert "by -e as JSON" in " ".join(done.stdout.split())


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
