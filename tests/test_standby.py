"""Two collectors on a real PostgreSQL: one is active, the other takes over, and nothing is lost."""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from support.postgres_server import PostgresServer, missing
from support.running import HEADSTART
from support.waiting import wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.alone, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    if reason := missing():
        pytest.skip(reason)
    server = PostgresServer()
    server.start()
    try:
        with pair(tmp_path_factory.mktemp("pair"), server.new_database()) as made:
            yield made
    finally:
        server.close()


@pytest.fixture(scope="module")
def agent(both: Pair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an agent that knows both; its records are in it."""
    options = ("--plaintext", *both.targets, "--host", "bench-1")
    with measuring_agent(tmp_path_factory.mktemp("agent"), *options) as folder:
        yield folder


def called(both: Pair, *arguments: str | Path) -> Any:
    """What a command prints as JSON that is given both addresses."""
    command: list[str | Path] = [HEADSTART, *arguments, "--json", "--plaintext", *both.targets]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def submit(both: Pair, agent: Path, name: str) -> str:
    (run,) = called(both, "submit", experiment_file(agent, name))["runs"]
    return str(run["run_id"])


def test_who_stands_by_answers_what_reads_and_names_the_active_one_for_the_rest(
    both: Pair, agent: Path
) -> None:
    active, other = both.roles()
    wait_until(lambda: "connected" in hosts_of(active.target), PATIENCE_SECONDS)

    page = other.said("/metrics")[1]
    listed = subprocess.run(
        [HEADSTART, "status", "--plaintext", "--collector", other.target],
        check=True,
        capture_output=True,
        text=True,
    )
    refused = subprocess.run(
        [HEADSTART, "host", "drain", "bench-1", "--plaintext", "--collector", other.target],
        check=False,
        capture_output=True,
        text=True,
    )

    assert is_said_active(page) == "0.0"
    assert "bench-1" not in page
    assert is_said_active(active.said("/metrics")[1]) == "1.0"
    assert "bench-1" in listed.stdout
    assert refused.returncode != 0
    assert f"the active one is {active.target}" in refused.stderr


def is_said_active(page: str) -> str:
    (found,) = re.findall(r"^headstart_collector_active{.*} (.*)$", page, re.MULTILINE)
    return str(found)


def hosts_of(target: str) -> str:
    command: list[str | Path] = [HEADSTART, "status", "--plaintext", "--collector", target]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout


def test_a_run_outlives_the_collector_that_leased_it(both: Pair, agent: Path) -> None:
    active, other = both.roles()
    run = submit(both, agent, "killed")
    wait_until(lambda: is_measuring(agent, run), PATIENCE_SECONDS)

    active.end()
    wait_until(other.is_active, PATIENCE_SECONDS)

    held_against_its_servers(ended(other.target, run), agent)
    active.start()


def test_one_that_was_frozen_writes_nothing_and_stands_by(both: Pair, agent: Path) -> None:
    active, other = both.roles()
    run = submit(both, agent, "frozen")
    wait_until(lambda: is_measuring(agent, run), PATIENCE_SECONDS)

    active.send(signal.SIGSTOP)
    wait_until(other.is_active, PATIENCE_SECONDS)
    active.send(signal.SIGCONT)
    wait_until(active.stands_by, PATIENCE_SECONDS)

    held_against_its_servers(ended(other.target, run), agent)
    assert other.is_active()


def test_one_that_is_stopped_lets_the_other_take_over(both: Pair) -> None:
    active, other = both.roles()

    assert active.end(signal.SIGTERM) == 0
    wait_until(other.is_active, PATIENCE_SECONDS)
