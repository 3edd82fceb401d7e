"""A response is understood the same, however it is cut into pieces."""

import pytest

from headstart.agent.load.response_parser import NotHttp, ResponseParser

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
)
TRAILER = CHUNKED[:-2] + b"X-Sum: 1\r\nX-More: 2\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + PLAIN
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
LOWER = b"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nhello"


def feed(pieces: list[bytes], **begin: bool) -> ResponseParser:
    parser = ResponseParser()
    parser.begin(**begin)
    done = [parser.feed(piece) for piece in pieces]

    assert done == [False] * (len(pieces) - 1) + [True]
    return parser


@pytest.mark.parametrize("response", [PLAIN, CHUNKED, TRAILER, INTERIM, LOWER])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_pieces_of_any_size_make_the_same_response(response: bytes, size: int) -> None:
    pieces = [response[i : i + size] for i in range(0, len(response), size)]

    parser = feed(pieces, keep_body=True)

    assert (parser.status, parser.body, parser.keeps_alive) == (200, b"hello", True)


def test_a_body_is_not_kept_unless_asked_for() -> None:
    assert feed([PLAIN]).body == b""
    assert feed([CHUNKED]).body == b""


def test_responses_without_a_body_end_with_their_head() -> None:
    assert feed([EMPTY]).status == 204
    assert feed([b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"], head_only=True).status == 200


def test_fields_are_given_in_order() -> None:
    assert feed([PLAIN]).headers() == [("Content-Type", "text/plain"), ("Content-Length", "5")]


def test_one_parser_reads_response_after_response() -> None:
    parser = ResponseParser()
    bodies = []
    for response in (PLAIN, CHUNKED, EMPTY, LOWER):
        parser.begin(keep_body=True)
        assert parser.feed(response)
        bodies.append(parser.body)

    assert bodies == [b"hello", b"hello", b"", b"hello"]


@pytest.mark.parametrize(
    ("head", "kept"),
    [
        (b"HTTP/1.1 204 x\r\nConnection: close\r\n\r\n", False),
        (b"HTTP/1.0 204 x\r\n\r\n", False),
        (b"HTTP/1.0 204 x\r\nConnection: Keep-Alive\r\n\r\n", True),
        (b"HTTP/1.1 204 x\r\n\r\n", True),
    ],
)
def test_whether_the_connection_serves_again_is_known(head: bytes, kept: bool) -> None:
    assert feed([head]).keeps_alive is kept


def test_a_response_without_a_length_ends_with_the_connection() -> None:
    parser = ResponseParser()
    parser.begin(keep_body=True)

    assert not parser.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    assert not parser.feed(b"lo")
    assert parser.closed()
    assert parser.body == b"hello"
    assert not parser.keeps_alive


@pytest.mark.parametrize("received", [b"", b"HTTP/1.1 200 OK\r\n", PLAIN[:-1], CHUNKED[:-1]])
def test_a_connection_closed_too_early_does_not_end_a_response(received: bytes) -> None:
    parser = ResponseParser()
    parser.feed(received)

    assert not parser.closed()


@pytest.mark.parametrize(
    "received",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000,
        PLAIN + b"surplus",
        CHUNKED + b"surplus",
    ],
)
def test_what_is_not_a_response_is_refused(received: bytes) -> None:
    with pytest.raises(NotHttp):
        ResponseParser().feed(received)
