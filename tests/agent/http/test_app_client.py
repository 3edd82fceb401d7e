"""Requests come back whole, or with one sentence that says why not."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from headstart.agent.http.app_client import RequestFault, Session
from headstart.agent.http.checks import BODY_LIMIT_BYTES
from headstart.v1.experiment_pb2 import Header, HttpRequest
from support.fetching import fetch
from support.load_server import BODY, serving

GET = HttpRequest(method="GET", target="/players")


@contextmanager
def replying(*pieces: bytes, pause_seconds: float = 0.0) -> Iterator[int]:
    """A server that sends these bytes to its first peer, whatever that asks, and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            peer.recv(65536)
            try:
                for piece in pieces:
                    peer.sendall(piece)
                    time.sleep(pause_seconds)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        thread.join()
        listener.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.mark.parametrize("behaviour", ["normal", "chunked", "close-header", "until-close"])
def test_a_body_is_read_however_it_is_framed(behaviour: str) -> None:
    with serving(behaviour) as server:
        response = fetch(server.port, GET, 5.0)

    assert (response.status, response.body) == (200, BODY)


def test_headers_and_body_are_sent_as_stated() -> None:
    received = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            peer, _ = listener.accept()
            with peer:
                data = b""
                while not data.endswith(b'{"n": 1}'):
                    data += peer.recv(65536)
                received.append(data)
                peer.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        request = HttpRequest(
            method="POST",
            target="/players?x=1",
            headers=[Header(name="Host", value="players.example"), Header(name="X-A", value="b")],
            body=b'{"n": 1}',
        )
        response = fetch(listener.getsockname()[1], request, 5.0)
        thread.join()

    assert response.status == 204
    head, _, body = received[0].partition(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /players?x=1 HTTP/1.1",
        b"Host: players.example",
        b"User-Agent: headstart",
        b"Accept: */*",
        b"X-A: b",
        b"Content-Length: 8",
    ]
    assert body == b'{"n": 1}'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}",
    ],
    ids=["interim answer", "line feeds alone"],
)
def test_an_odd_answer_is_an_answer(answer: bytes) -> None:
    with replying(answer) as port:
        response = fetch(port, GET, 5.0)

    assert (response.status, bytes(response.body)) == (200, b"{}")


def test_a_session_keeps_its_connection_and_opens_it_anew_when_it_was_closed() -> None:
    with serving("close", "3") as server, Session("127.0.0.1", server.port, 5.0) as session:
        statuses: list[int] = []
        while len(statuses) < 6:
            try:
                statuses.append(session.fetch(GET).status)
            except RequestFault:
                continue  # closed by the server without notice

    assert statuses == [200] * 6
    assert server.counted["connections"] < 6


def test_a_long_body_is_cut_one_byte_above_the_limit() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 * BODY_LIMIT_BYTES)
    with replying(head + b"x" * (2 * BODY_LIMIT_BYTES)) as port:
        response = fetch(port, GET, 5.0)

    assert len(response.body) == BODY_LIMIT_BYTES + 1


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "not HTTP"),
        ((), "connection closed without an answer"),
        (
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",),
            "connection closed in the middle of the answer",
        ),
    ],
)
def test_what_is_no_whole_answer_is_said(pieces: tuple[bytes, ...], words: str) -> None:
    with replying(*pieces) as port, pytest.raises(RequestFault, match=words):
        fetch(port, GET, 5.0)


def test_a_refused_connection_is_said() -> None:
    with pytest.raises(RequestFault, match="refused"):
        fetch(free_port(), GET, 5.0)


def test_a_server_that_does_not_answer_is_left_at_the_deadline() -> None:
    with serving("mute") as server, pytest.raises(RequestFault, match="no answer within"):
        fetch(server.port, GET, 0.1)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n"]
)
def test_a_server_that_drips_is_left_at_the_deadline(head: bytes) -> None:
    drops = [b"H"] * 50
    with (
        replying(head, *drops, pause_seconds=0.02) as port,
        pytest.raises(RequestFault, match=r"no answer within 0.2 s"),
    ):
        fetch(port, GET, 0.2)
