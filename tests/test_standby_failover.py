"""Two collectors whose database fails over to its replica in the middle of a run."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.pair import Pair, pair
from support.pair_runs import (
    PATIENCE_SECONDS,
    ended,
    experiment_file,
    held_against_its_servers,
    is_measuring,
    measuring_agent,
)
from support.postgres_server import PostgresServer, Replica, missing, with_replica
from support.running import HEADSTART
from support.waiting import wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.alone, pytest.mark.timeout(240)]


@pytest.fixture
def servers() -> Iterator[tuple[PostgresServer, Replica]]:
    """The second one has whatever the first one acknowledges."""
    if reason := missing():
        pytest.skip(reason)
    with with_replica() as both:
        yield both


def test_a_run_outlives_the_failover_of_the_database(
    servers: tuple[PostgresServer, Replica], tmp_path: Path
) -> None:
    first, second = servers
    # The replica stands first: whatever asks the first one that answers, asks the wrong one.
    url = f"postgresql://tester@/headstart?host={second.folder},{first.folder}"
    (tmp_path / "pair").mkdir()
    (tmp_path / "agent").mkdir()
    with pair(tmp_path / "pair", url) as both:
        both.roles()
        options = ("--plaintext", *both.targets, "--host", "bench-1")
        with measuring_agent(tmp_path / "agent", *options) as agent:
            run = submitted(both, agent)
            wait_until(lambda: is_measuring(agent, run), PATIENCE_SECONDS)

            first.stop(signal.SIGQUIT)
            second.promote()
            active, _ = both.roles()

            held_against_its_servers(ended(active.target, run), agent)
        wait_until(lambda: judged(second) == f"{run}\n", PATIENCE_SECONDS)
        logs = [member.log.read_text() for member in both.members]
    assert [log for log in logs if "Traceback" in log] == []


def judged(server: PostgresServer) -> str:
    return server.sql("SELECT run_id FROM results", "headstart")


def submitted(both: Pair, agent: Path) -> str:
    file = experiment_file(agent, "failover")
    command: list[str | Path] = [HEADSTART, "submit", file, "--json", "--plaintext", *both.targets]

    def is_taken() -> bool:
        done = subprocess.run(command, check=False, capture_output=True)
        if done.returncode == 0:
            found.append(str(json.loads(done.stdout)["runs"][0]["run_id"]))
        return bool(found)

    found: list[str] = []
    wait_until(is_taken, PATIENCE_SECONDS)
    return found[0]
