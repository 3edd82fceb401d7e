"""Two collectors behind HAProxy, by the configuration of docs/STANDBY.md: agents and commands know
only the balancer.
"""

import json
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.balancer import HOSTS, Balancer, balancer, ports
from support.pair import Member, Pair
from support.pair_runs import (
    ended,
    experiment_file,
    held_against_its_servers,
    is_measuring,
    measuring_agent,
)
from support.postgres_server import PostgresServer
from support.running import HEADSTART, headstart
from support.waiting import wait_until

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.haproxy,
    pytest.mark.alone,
    pytest.mark.timeout(300),
]
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Site:
    """Two collectors by TLS, the way to them, and somebody of each role who knows that way only."""

    pair: Pair
    balancer: Balancer
    folder: Path

    def socket(self, member: Member) -> str:
        """Its owner's way in, beside the balancer."""
        return f"unix:{member.folder}.sock"

    def asked(self, *arguments: str | Path) -> Any:
        """What a command of the operator's prints as JSON."""
        done = headstart(*arguments, "--json", "--identity", self.folder / "anna")
        assert done.status == 0, done.errors
        return json.loads(done.output)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="hs-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        server = PostgresServer()
        stack.callback(server.close)
        server.start()
        numbers, url = ports(), server.new_database()
        members = []
        for name, host in HOSTS.items():
            member = Member(
                folder / name.partition(".")[0],
                url,
                (
                    f"--listen=unix:{folder / name.partition('.')[0]}.sock",
                    f"--enroll-listen={host}:{numbers['enrolment']}",
                    # The balancer's: tokens name the first.
                    "--advertise=127.0.0.1",
                    f"--advertise={host}",
                ),
                host,
                (numbers["collector"], numbers["metrics"]),
            )
            stack.callback(member.end)
            members.append(member)
        one, two = members
        one.start()
        wait_until(one.is_active, _PATIENCE_SECONDS)
        for file in ("authority.key", "authority.pem"):
            (two.folder / "identity").mkdir(parents=True, exist_ok=True)
            shutil.copy(one.folder / "identity" / file, two.folder / "identity" / file)
        two.start()
        before = stack.enter_context(balancer(folder, numbers))
        site = Site(Pair(members), before, folder)
        site.pair.roles()
        before.wait_for("one")
        enroll(site, one, "operator", "anna", folder / "anna")
        enroll(site, one, "agent", "bench-1", folder / "agent" / "state")
        yield site


def enroll(site: Site, member: Member, role: str, name: str, state: Path) -> None:
    """By a token of the active one, which names the balancer."""
    made = headstart(
        *("token", "create", "--role", role, "--name", name, "--collector", site.socket(member))
    )
    assert made.status == 0, made.errors
    done = headstart("enroll", made.output.strip(), "--state", state)
    assert done.status == 0, done.errors


@pytest.fixture(scope="module")
def agent(site: Site) -> Iterator[Path]:
    """Enrolled; what it was answered then is all that it knows."""
    with measuring_agent(site.folder / "agent") as folder:
        wait_until(lambda: attended(folder) != [], _PATIENCE_SECONDS)
        yield folder


def attended(agent: Path) -> list[str]:
    return re.findall(r"attending ([^\s,]+)", (agent / "log").read_text())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_a_run_outlives_a_takeover_behind_the_balancer(
    site: Site, agent: Path, how: signal.Signals
) -> None:
    active, other = site.pair.roles()
    site.balancer.wait_for(active.folder.name)
    before = len(attended(agent))
    (submitted,) = site.asked("submit", experiment_file(agent, how.name.lower()))["runs"]
    run = str(submitted["run_id"])
    wait_until(lambda: is_measuring(agent, run), _PATIENCE_SECONDS)

    if how is signal.SIGKILL:
        active.end(how)
    else:
        active.send(how)
    site.balancer.wait_for(other.folder.name)
    wait_until(lambda: len(attended(agent)) > before, _PATIENCE_SECONDS)
    held_against_its_servers(ended(site.socket(other), run), agent)

    assert set(attended(agent)) == {site.balancer.target}
    (listed,) = [each for each in site.asked("status")["runs"] if each["run_id"] == run]
    assert listed["state"] == "done"
    if how is signal.SIGKILL:
        active.start()
    else:
        active.send(signal.SIGCONT)
    wait_until(active.stands_by, _PATIENCE_SECONDS)
    site.balancer.wait_for(other.folder.name)


def test_who_comes_later_is_let_in_by_whoever_is_active(site: Site) -> None:
    active, _ = site.pair.roles()
    site.balancer.wait_for(active.folder.name)
    enroll(site, active, "agent", "bench-2", site.folder / "later")

    known = subprocess.run(
        [HEADSTART, "identities", "--identity", site.folder / "anna"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert "bench-2" in known.stdout
