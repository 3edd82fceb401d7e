"""Everybody who asks an app sends it the same request."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from headstart.agent.http.app_client import Session
from headstart.agent.http.serialise import authority, serialise
from headstart.agent.load.builtin import Builtin
from headstart.agent.load.driver import LoadTask
from headstart.agent.load.h2load import H2load
from headstart.agent.load.wrk import Wrk
from headstart.v1.experiment_pb2 import Header, HttpRequest
from support.load_tasks import load_of, run_load, task_of

OWN = HttpRequest(
    method="POST",
    target="/players?x=1",
    headers=[Header(name="X-Key", value="a"), Header(name="accept", value="text/html")],
    body=b"{}",
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_request_is_what_http_1_1_sends() -> None:
    assert serialise(HttpRequest(method="GET", target="/players?x=1"), "127.0.0.1:80") == (
        b"GET /players?x=1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n"
        b"User-Agent: headstart\r\nAccept: */*\r\n\r\n"
    )


def test_a_body_has_its_length_and_stated_fields_stand_instead_of_our_own() -> None:
    own = [Header(name=name, value="1") for name in ("host", "X-A", "USER-AGENT", "accept")]
    posted = HttpRequest(method="POST", target="/", headers=own, body=b"{}")

    assert serialise(posted, "127.0.0.1:80") == (
        b"POST / HTTP/1.1\r\nHost: 1\r\nX-A: 1\r\nUSER-AGENT: 1\r\naccept: 1\r\n"
        b"Content-Length: 2\r\n\r\n{}"
    )


def test_a_post_without_a_body_says_so() -> None:
    assert b"Content-Length: 0\r\n" in serialise(HttpRequest(method="POST", target="/"), "x")


def test_addresses_are_written_as_in_urls() -> None:
    assert authority("127.0.0.1", 80) == "127.0.0.1:80"
    assert authority("::1", 80) == "[::1]:80"


Ask = Callable[[int, HttpRequest, Path], None]


def heard(ask: Callable[[int], object], request: HttpRequest) -> tuple[bytes, int]:
    """The first request that comes at a port, and the port."""
    first: list[bytes] = []
    size = len(request.body)

    def serve(connection: socket.socket) -> None:
        data = b""
        # A generator that has ended resets what it had open.
        with connection, suppress(ConnectionError):
            while piece := connection.recv(65536):
                data += piece
                head, found, body = data.partition(b"\r\n\r\n")
                if found and len(body) >= size:
                    first.append(head + found + body[:size])
                    data = b""
                    connection.sendall(OK)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        threading.Thread(target=accept, daemon=True).start()
        ask(port)
        listener.shutdown(socket.SHUT_RDWR)
    return first[0], port


def by_check(port: int, request: HttpRequest, _scratch: Path) -> None:
    with Session("127.0.0.1", port, 5.0) as session:
        session.fetch(request)


def by_builtin(port: int, request: HttpRequest, scratch: Path) -> None:
    run_load(Builtin(), loading(port, request, scratch))


def by_wrk(port: int, request: HttpRequest, scratch: Path) -> None:
    run_load(Wrk(), loading(port, request, scratch))


def loading(port: int, request: HttpRequest, scratch: Path) -> LoadTask:
    load = load_of(connections=1, duration_seconds=1.0)
    load.requests[0].check.request.CopyFrom(request)
    return task_of(load, port, scratch)


GET = HttpRequest(method="GET", target="/players")


@pytest.mark.parametrize("request_", [GET, OWN], ids=["bare", "stated"])
@pytest.mark.parametrize("ask", [by_check, by_builtin, pytest.param(by_wrk, marks=pytest.mark.wrk)])
def test_checks_and_loads_send_the_bytes_that_the_prober_does(
    ask: Ask, request_: HttpRequest, tmp_path: Path
) -> None:
    """That of the prober is looked at where it is tested."""
    sent, port = heard(lambda port: ask(port, request_, tmp_path), request_)

    assert sent == serialise(request_, f"127.0.0.1:{port}")


@pytest.mark.h2load
@pytest.mark.parametrize("request_", [GET, OWN], ids=["bare", "stated"])
def test_h2load_sends_the_same_fields(request_: HttpRequest, tmp_path: Path) -> None:
    sent, port = heard(lambda port: run_load(H2load(), loading(port, request_, tmp_path)), request_)

    assert fields_of(sent) == fields_of(serialise(request_, f"127.0.0.1:{port}"))


def fields_of(sent: bytes) -> tuple[bytes, list[bytes]]:
    """The first line, and the fields, whose order and case mean nothing."""
    line, *fields = sent.partition(b"\r\n\r\n")[0].split(b"\r\n")
    pairs = (field.partition(b": ") for field in fields)
    return line, sorted(name.lower() + b": " + value for name, _, value in pairs)
