"""A collector whose database does not answer for long neither ends nor serves, and comes back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chaos.links import Link, link
from support.pair import Member
from support.postgres_server import PostgresServer, missing
from support.waiting import wait_until

pytestmark = [pytest.mark.postgresql, pytest.mark.alone, pytest.mark.timeout(300)]

_PATIENCE_SECONDS = 120.0


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    if reason := missing():
        pytest.skip(reason)
    made = PostgresServer()
    made.start()
    yield made
    made.close()


@pytest.fixture
def way(server: PostgresServer) -> Iterator[Link]:
    (socket,) = server.folder.glob(".s.PGSQL.*[0-9]")
    with link(socket) as made:
        yield made


@pytest.fixture
def member(server: PostgresServer, way: Link, tmp_path: Path) -> Iterator[Member]:
    database = server.new_database().partition("@/")[2].partition("?")[0]
    url = f"postgresql://tester@127.0.0.1:{way.port}/{database}"
    made = Member(tmp_path / "one", url)
    made.start()
    yield made
    made.end()


def test_one_that_waits_for_a_commit_stands_by_and_comes_back_with_its_database(
    way: Link, member: Member
) -> None:
    """What is between takes all bytes, as a proxy does whose other side is gone."""
    wait_until(member.is_active, _PATIENCE_SECONDS)

    def said(words: str) -> bool:
        return words in member.log.read_text()

    way.hold()
    wait_until(lambda: said("stands by from now on"), _PATIENCE_SECONDS)
    wait_until(lambda: said("it is tried again until it can"), _PATIENCE_SECONDS)
    assert member.process is not None
    assert member.process.poll() is None
    way.mend()

    wait_until(member.is_active, _PATIENCE_SECONDS)
    assert "Traceback" not in member.log.read_text()
