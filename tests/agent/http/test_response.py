"""An answer is complete at its last byte, however it is framed and cut."""

import gc
import time
import tracemalloc
import weakref

import pytest

from headstart.agent.http.checks import BODY_LIMIT_BYTES
from headstart.agent.http.response import Answer, NotHttp

COUNTED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;name=value\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
)
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + COUNTED
# Line feeds alone, in the head, and in the trailers of a body whose frames are right.
BARE = b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"
MIXED = b"HTTP/1.1 103 Early Hints\nLink: </x>\r\n\nHTTP/1.1 200\r\nContent-Length: 5\n\r\nhello"
TRAILERS = (
    b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n0\r\nTrailer: x\nOther: y\r\n\n"
)


@pytest.mark.parametrize(
    "answer",
    [COUNTED, CHUNKED, INTERIM, BARE, MIXED, TRAILERS],
    ids=["counted", "chunked", "interim", "bare", "mixed", "trailers"],
)
@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_the_answer_is_complete_at_its_last_byte_and_not_before(answer: bytes, step: int) -> None:
    parsed = Answer()
    *before, last = [answer[i : i + step] for i in range(0, len(answer), step)]

    assert not any(parsed.feed(part) for part in before)
    assert parsed.feed(last)
    assert (parsed.status, bytes(parsed.body), parsed.closes) == (200, b"hello", False)


def test_a_head_of_bare_line_feeds_ends_where_it_ends_whatever_the_body_holds() -> None:
    parsed = Answer()

    assert parsed.feed(b"HTTP/1.1 200 OK\nA: 1\nContent-Length: 6\n\n\r\n\r\n{}")
    assert parsed.headers == [("A", "1"), ("Content-Length", "6")]
    assert bytes(parsed.body) == b"\r\n\r\n{}"


def test_headers_keep_their_order_and_repetitions() -> None:
    parsed = Answer()
    parsed.feed(b"HTTP/1.1 200 OK\r\nA: 1\r\nb:2\r\nA: 3 \r\nContent-Length: 0\r\n\r\n")

    assert parsed.complete
    assert parsed.headers == [("A", "1"), ("b", "2"), ("A", "3"), ("Content-Length", "0")]


def test_without_a_length_the_answer_ends_with_the_connection() -> None:
    parsed = Answer()

    assert not parsed.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert not parsed.feed(b"lo")
    assert parsed.end()
    assert bytes(parsed.body) == b"hello"


@pytest.mark.parametrize("cut", [b"", COUNTED[:10], COUNTED[:-1], CHUNKED[:-1]])
def test_an_answer_cut_off_by_the_connection_is_not_complete(cut: bytes) -> None:
    parsed = Answer()
    parsed.feed(cut)

    assert not parsed.end()


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_no_body_whatever_they_say(status: bytes) -> None:
    assert Answer().feed(b"HTTP/1.1 " + status + b"\r\nContent-Length: 5\r\n\r\n")


def test_an_answer_to_head_has_no_body() -> None:
    assert Answer(to_head=True).feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n", True),
        (b"HTTP/1.1 200 OK\r\nConnection: Close\r\n", True),
        (b"HTTP/1.0 200 OK\r\n", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", False),
    ],
)
def test_whether_the_connection_can_be_asked_again(head: bytes, closes: bool) -> None:
    parsed = Answer()
    parsed.feed(head + b"Content-Length: 0\r\n\r\n")

    assert parsed.complete
    assert parsed.closes is closes


def test_bytes_after_the_answer_spoil_the_connection() -> None:
    parsed = Answer()

    assert parsed.feed(COUNTED + b"HTTP/1.1 200")
    assert parsed.closes


def test_a_long_body_is_read_to_its_end_but_not_kept() -> None:
    length = 3 * BODY_LIMIT_BYTES
    parsed = Answer()
    parsed.feed(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length)

    assert not parsed.feed(bytes(length - 1))
    assert parsed.feed(b"x")
    assert len(parsed.body) == BODY_LIMIT_BYTES + 1


@pytest.mark.parametrize(
    "nonsense",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 10000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 5000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 21 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1_0\r\n",
    ],
)
def test_what_is_not_http_is_told(nonsense: bytes) -> None:
    with pytest.raises(NotHttp):
        Answer().feed(nonsense)


def seconds_to_take(answer: bytes, step: int) -> float:
    parsed = Answer()
    begin = time.process_time()
    for at in range(0, len(answer), step):
        parsed.feed(answer[at : at + step])
    return time.process_time() - begin


CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "chunks of a byte": CHUNKS + b"1\r\nx\r\n" * 300_000,
    "chunks with extensions": CHUNKS + b"1;a=b;c=d\r\nx\r\n" * 50_000,
    "a body": b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 4_000_000,
}


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("step", [1 << 16, 1 << 24])
def test_time_is_linear_in_what_arrives(flood: str, step: int) -> None:
    """Where each chunk moved the rest of the buffer, the first of these took some minutes."""
    assert seconds_to_take(FLOODS[flood], step) < 5


def test_a_head_that_arrives_byte_by_byte_is_searched_once() -> None:
    assert seconds_to_take(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60_000, 1) < 5


def test_what_is_kept_of_an_answer_without_end_is_bounded() -> None:
    parsed = Answer()
    parsed.feed(CHUNKS)
    tracemalloc.start()
    for _ in range(64):
        parsed.feed(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert kept < 3 * BODY_LIMIT_BYTES


def test_an_answer_is_no_garbage_for_the_collector() -> None:
    parsed = Answer()
    parsed.feed(COUNTED)
    gone = weakref.ref(parsed)
    gc.disable()
    try:
        del parsed

        assert gone() is None
    finally:
        gc.enable()
