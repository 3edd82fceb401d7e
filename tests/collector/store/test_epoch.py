"""On one database at most one collector writes, whoever was frozen or cut off meanwhile."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, text

from headstart.collector.store.epoch import Epoch
from headstart.collector.store.epoch_tables import make_ready
from headstart.collector.store.postgresql import PostgresDatabase
from headstart.collector.store.postgresql_tables import begin_term
from headstart.collector.store.turn import Superseded, Term, Turn
from support.postgres_server import PostgresServer, missing

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    if reason := missing():
        pytest.skip(reason)
    made = PostgresServer()
    made.start()
    yield made
    made.close()


@pytest.fixture
def url(server: PostgresServer) -> str:
    found = server.new_database()
    make_ready(PostgresDatabase(found, alone=False))
    return found


@pytest.fixture
def one(url: str) -> Iterator[Epoch]:
    made = Epoch(url, "process 1", "one:7070")
    yield made
    made.close()


@pytest.fixture
def two(url: str) -> Iterator[Epoch]:
    made = Epoch(url, "process 2", "two:7070")
    yield made
    made.close()


def taken(epoch: Epoch) -> Term:
    term = epoch.take(epoch.look())
    assert term is not None
    return term


def writes(url: str, term: Term | None) -> None:
    engine = PostgresDatabase(url, alone=False, fence=Turn(term).fence).writer_engine()
    try:
        with engine.begin() as connection:
            Turn(term).fence(connection)
            connection.execute(text("UPDATE version SET store_id = store_id"))
    finally:
        engine.dispose()


def test_a_new_store_is_free_and_whoever_takes_it_says_where_it_is(one: Epoch, two: Epoch) -> None:
    assert two.look().released
    term = taken(one)
    seen = two.look()

    assert (term.number, seen.number, seen.address, seen.released) == (1, 1, "one:7070", False)


def test_two_that_take_at_once_do_not_both_have_it(one: Epoch, two: Epoch) -> None:
    seen = one.look(), two.look()

    assert one.take(seen[0]) is not None
    assert two.take(seen[1]) is None


def test_one_that_beats_is_not_taken_from(one: Epoch, two: Epoch) -> None:
    term = taken(one)
    seen = two.look()
    assert one.beat(term)

    assert two.take(seen) is None
    assert one.beat(term)


def test_one_that_released_is_taken_from_at_once(one: Epoch, two: Epoch) -> None:
    one.release(taken(one))

    assert two.look().released
    assert taken(two).number == 2


def test_one_that_was_taken_from_neither_beats_nor_writes(url: str, one: Epoch, two: Epoch) -> None:
    term = taken(one)
    writes(url, term)
    later = taken(two)

    assert not one.beat(term)
    with pytest.raises(Superseded, match="another collector took over"):
        writes(url, term)
    writes(url, later)
    with pytest.raises(Superseded, match="stands by"):
        writes(url, None)


def test_a_transaction_that_a_frozen_process_left_open_is_ended_and_counts_nothing(
    url: str, one: Epoch, two: Epoch
) -> None:
    term = taken(one)
    engine = PostgresDatabase(url, alone=False).writer_engine()
    frozen: Connection = engine.connect()
    frozen.begin()
    term.fence(frozen)
    frozen.execute(text("UPDATE version SET store_id = 'frozen'"))

    later = taken(two)

    with pytest.raises(Exception, match=r"terminat|closed"):
        frozen.commit()
    frozen.invalidate()
    engine.dispose()
    assert later.number == 2
    writes(url, later)
    assert two.look().number == 2


def test_whoever_writes_to_a_copy_of_the_database_is_not_ended(
    server: PostgresServer, url: str
) -> None:
    """CREATE DATABASE ... TEMPLATE gives tables the numbers that they have in the other one."""
    name = url.partition("@/")[2].partition("?")[0]
    server.sql(f"CREATE DATABASE of_{name} TEMPLATE {name}")
    one, two, of_copy = (Epoch(each, "", "") for each in (url, url, server.url_of(f"of_{name}")))
    engines = [
        PostgresDatabase(each, alone=False).writer_engine()
        for each in (url, server.url_of(f"of_{name}"))
    ]
    (frozen, copied), terms = (engine.connect() for engine in engines), (taken(one), taken(of_copy))
    for connection, term in zip((frozen, copied), terms, strict=True):
        connection.begin()
        term.fence(connection)

    taken(two)

    copied.commit()
    copied.close()
    frozen.invalidate()
    frozen.close()
    for each in (one, two, of_copy):
        each.close()
    for engine in engines:
        engine.dispose()


def test_the_authority_is_noted_once(one: Epoch, two: Epoch) -> None:
    one.keep_authority("aa")
    two.keep_authority("bb")

    assert one.look().authority == "aa"


def test_a_store_that_one_has_alone_is_not_shared(url: str) -> None:
    alone = PostgresDatabase(url).writer_engine()
    with alone.connect(), pytest.raises(Exception, match="in use by another collector"):
        make_ready(PostgresDatabase(url, alone=False))
    alone.dispose()


def test_a_commit_that_did_not_answer_is_found_out_after_another_took_over(
    url: str, one: Epoch, two: Epoch
) -> None:
    def writer(term: Term) -> tuple[PostgresDatabase, str, str]:
        """Its database, the name of a group that counts, and of one that does not."""
        database = PostgresDatabase(url, alone=False, fence=Turn(term).fence, term=term.number)
        engine = database.writer_engine()
        try:
            with engine.begin() as connection:
                begin_term(connection, term.number)
            with engine.begin() as connection:
                counts = database.begin_group(connection)
            with engine.connect() as connection:
                lost = database.begin_group(connection)
        finally:
            engine.dispose()
        return database, counts, lost

    former, counts, lost = writer(taken(one))
    later, later_counts, _ = writer(taken(two))

    assert former.is_committed(counts, lambda: True)
    assert not former.is_committed(lost, lambda: True)
    assert not former.is_committed(later_counts, lambda: True)
    assert later.is_committed(later_counts, lambda: True)
