"""Lines are found as they are written, however an app cuts and floods its log."""

import threading

import pytest

from headstart.agent.runtimes.line_watch import LINE_BYTES, MOST_BYTES, MOST_LINES, LineWatch


def watching(*patterns: str) -> LineWatch:
    watch = LineWatch(patterns, lambda: None)
    watch.begin(threading.get_native_id())
    return watch


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        ("ready", [b"one\nworker ready\n"]),
        ("^worker ready$", [b"one\nworker ready\ntwo\n"]),
        ("^worker ready$", [b"wor", b"ker re", b"ady", b"\n"]),
        ("ready$", [b"worker ready\r\n"]),
        ("(?i)READY", [b"worker ready\n"]),
        (r"\Aworker", [b"one\nworker ready\n"]),
        (r"ready\z", [b"worker ready\ntwo\n"]),
        ("^$", [b"one\n", b"\n"]),
        ("ready", [b"\xff\xfe ready\n"]),
        ("ready", [b"x" * (LINE_BYTES - 5) + b"ready\n"]),
    ],
)
def test_a_line_is_found_however_it_comes(pattern: str, pieces: list[bytes]) -> None:
    watch = watching(pattern)
    for piece in pieces:
        assert not watch.is_ready
        watch.take(piece)

    assert watch.is_ready
    assert watch.over.is_set()
    assert watch.size_bytes == sum(map(len, pieces))


@pytest.mark.parametrize(
    ("pattern", "pieces"),
    [
        # No line's end has come.
        ("ready", [b"worker ready"]),
        # No pattern spans lines.
        ("one\ntwo", [b"one\ntwo\n"]),
        ("^one.two$", [b"one\ntwo\n"]),
        (r"\Atwo", [b"one\n one two\n"]),
        ("ready", [b"x" * LINE_BYTES + b"ready\n"]),
        ("ready", [b"x" * LINE_BYTES, b"ready", b"\n"]),
    ],
)
def test_what_is_no_line_with_it_is_not_found(pattern: str, pieces: list[bytes]) -> None:
    watch = watching(pattern)
    for piece in pieces:
        watch.take(piece)

    assert not watch.is_ready


def test_several_patterns_are_found_in_order_each_in_a_later_line() -> None:
    watch = watching("connected", "ready")
    watch.take(b"ready\nconnected and ready\n")
    (connected_ns,) = watch.found_ns
    assert not watch.over.is_set()
    watch.take(b"something\nready\nmore\n")

    assert watch.is_ready
    assert connected_ns < watch.found_ns[1]
    # Up to the line, and not what came behind it.
    assert watch.lines == 4


def test_streams_do_not_mix_within_a_line() -> None:
    watch = watching("^ready$")
    watch.take(b"rea", stream=1)
    watch.take(b"oops\n", stream=2)
    watch.take(b"dy\n", stream=1)

    assert watch.is_ready


def test_a_log_without_end_is_given_up_after_so_many_lines_or_bytes() -> None:
    by_lines, by_bytes = watching("ready"), watching("ready")
    pieces = 0
    while not by_lines.over.is_set():
        by_lines.take(b"\n" * 60_000)
    while not by_bytes.over.is_set():
        by_bytes.take(b"x" * 65_536)
        pieces += 1

    assert not by_lines.is_ready
    assert MOST_LINES <= by_lines.lines < MOST_LINES + 60_001
    assert not by_bytes.is_ready
    assert pieces == MOST_BYTES // 65_536
    # Nothing is taken any more, nor kept.
    by_bytes.take(b"\nready\n")
    assert not by_bytes.is_ready
    assert by_bytes.size_bytes == MOST_BYTES


def test_what_has_not_been_read_is_the_most_at_any_time() -> None:
    watch = watching("ready")
    watch.take(b"x" * 100)
    watch.take(b"x" * 100)
    watch.caught_up()
    watch.take(b"x" * 50)

    assert watch.backlog_bytes == 200


def test_who_is_told_of_it_may_fail_and_it_is_over_all_the_same() -> None:
    def fails() -> None:
        raise OSError("gone")

    watch = LineWatch(["ready"], fails)
    with pytest.raises(OSError, match="gone"):
        watch.take(b"ready\n")

    assert watch.over.is_set()
