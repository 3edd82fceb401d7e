"""h2load's log becomes windows: every request in the window in which it ended."""

import random

import pytest

from headstart.agent.load.h2load_log import LogTally, Sums, parse_sums
from headstart.agent.load.windows import Tally

START = 1_795_437_116_661_140
# As h2load 1.52 prints it.
OUTPUT = """finished in 2.00s, 41163.00 req/s, 3.75MB/s
requests: 82326 total, 82330 started, 82326 done, 1000 succeeded, 81326 failed, 3 errored, 0 timeout
status codes: 1000 2xx, 0 3xx, 81326 4xx, 0 5xx
traffic: 7.50MB (7859644) total, 3.38MB (3542147) headers (space savings 0.00%), 854.45KB data
"""


def tally_of(
    log: bytes, expected_status: int = 200, edges: tuple[int, ...] = (0, 100, 200)
) -> tuple[LogTally, list[Tally]]:
    tally = LogTally(edges, expected_status)
    tally.add(log)
    return tally, list(tally.tallies())


def line(start: int, duration: int, status: int = 200) -> bytes:
    return b"%d\t%d\t%d\n" % (START + start, status, duration)


def test_requests_count_where_they_end_and_are_sent_where_they_begin() -> None:
    _, (first, second) = tally_of(line(0, 30) + line(90, 30) + line(150, 10))

    assert (first.sent, first.latencies) == (2, {30: 1})
    assert (second.sent, second.latencies) == (1, {30: 1, 10: 1})


def test_lines_out_of_order_find_their_windows() -> None:
    lines = [line(start, 10) for start in range(0, 190, 5)]
    random.Random(3).shuffle(lines)

    _, (first, second) = tally_of(line(0, 1) + b"".join(lines))

    assert (first.sent, second.sent) == (21, 18)
    assert (first.latencies, second.latencies) == ({1: 1, 10: 18}, {10: 20})


def test_what_ends_after_the_last_edge_belongs_to_the_last_window() -> None:
    _, (first, second) = tally_of(line(0, 1) + line(199, 3))

    assert (first.latencies, second.latencies) == ({1: 1}, {3: 1})


def test_other_statuses_are_incorrect_and_minus_one_failed() -> None:
    tally, (first, _) = tally_of(line(0, 5) + line(1, 6, 429) + line(2, 7, -1) + line(3, 8, 500))

    assert (first.incorrect, first.failed) == (2, 1)
    assert first.latencies == {5: 1, 6: 1, 8: 1}
    assert tally.first_wrong_status == "429"


@pytest.mark.parametrize(("expected", "incorrect"), [(0, 2), (404, 3), (200, 3)])
def test_the_expected_status_is_the_checks(expected: int, incorrect: int) -> None:
    log = line(0, 1, 200) + line(0, 1, 204) + line(0, 1, 404) + line(0, 1, 500)

    _, (first, _) = tally_of(log, expected)

    assert first.incorrect == incorrect


def test_the_log_may_come_in_pieces() -> None:
    rng = random.Random(4)
    lines = [line(at, rng.randrange(60)) for at in range(180)]
    _, whole = tally_of(b"".join(lines))
    tally = LogTally((0, 100, 200), 200)
    for at in range(0, len(lines), 7):
        tally.add(b"".join(lines[at : at + 7]))

    assert list(tally.tallies()) == whole
    assert tally.first_start_us == START
    assert tally.last_end_us == max(int(text.split()[0]) + int(text.split()[2]) for text in lines)


def test_columns_that_a_later_version_adds_do_not_matter() -> None:
    _, (first, _) = tally_of(b"%d\t200\t5\tx\ty\n%d\t200\t6\tx\ty\n" % (START, START))

    assert first.latencies == {5: 1, 6: 1}


@pytest.mark.parametrize("log", [b"hello\n", b"1\t2\n", b"1\t2\t3\n4\t5\n"])
def test_what_is_no_log_is_refused(log: bytes) -> None:
    with pytest.raises(ValueError, match="not a log"):
        LogTally((0, 1), 200).add(log)


def test_an_empty_log_has_empty_windows() -> None:
    tallies = list(LogTally((0, 1, 2), 200).tallies())

    assert [(t.sent, t.failed, t.latencies) for t in tallies] == [(0, 0, {}), (0, 0, {})]


def test_sums_are_read_from_the_output() -> None:
    assert parse_sums(OUTPUT) == Sums(done=82326, errored=3, received_bytes=7859644)


def test_output_that_was_cut_off_has_no_sums() -> None:
    assert parse_sums("starting benchmark...\n") is None
