"""What a scrape and a health check are answered."""

import asyncio
import gzip
import http.client
from contextlib import closing

import pytest

from headstart.collector.metrics import application
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.transport.http_server import HttpServer
from support.attending import in_loop
from support.http_serving import FIXED_TEXT, Fixed, serving


def get(
    port: int, path: str = "/metrics", method: str = "GET", **headers: str
) -> tuple[http.client.HTTPResponse, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def test_serves_the_text_with_the_content_type_that_prometheus_expects() -> None:
    with serving(Fixed()) as server:
        response, body = get(server.port)

    assert response.status == 200
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert response.headers["Content-Encoding"] is None
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.headers["Server"] == "headstart"
    assert body == FIXED_TEXT


def test_compresses_for_a_client_that_accepts_it() -> None:
    with serving(Fixed()) as server:
        response, body = get(server.port, **{"Accept-Encoding": "deflate, gzip"})

    assert response.headers["Content-Encoding"] == "gzip"
    assert int(response.headers["Content-Length"]) == len(body)
    assert gzip.decompress(body) == FIXED_TEXT


@in_loop
async def test_a_scrape_waits_until_what_was_stored_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Half of the series would look as if the others had ended."""
    is_whole = asyncio.Event()
    served = application.metrics_application(Fixed(), is_whole=is_whole)
    server = await HttpServer.start("127.0.0.1:0", served, SelfMetrics("test"))
    monkeypatch.setattr(application, "_WHOLE_SECONDS", 0.05)
    response, body = await asyncio.to_thread(get, server.port)
    health, _ = await asyncio.to_thread(get, server.port, "/healthz")
    monkeypatch.setattr(application, "_WHOLE_SECONDS", 20)
    asking = asyncio.create_task(asyncio.to_thread(get, server.port))
    await asyncio.sleep(0)
    is_whole.set()
    later, _ = await asking
    await server.close()

    assert (response.status, response.headers["Retry-After"]) == (503, "5")
    assert b"being taken up" in body
    assert health.status == 200
    assert later.status == 200


def test_health_is_ok_or_says_what_is_wrong() -> None:
    problems = [""]
    with serving(Fixed(), problem=lambda: problems[0]) as server:
        response, body = get(server.port, "/healthz")
        assert (response.status, body) == (200, b"ok\n")

        problems[0] = "the disk is full"
        response, body = get(server.port, "/healthz")
        assert (response.status, body) == (503, b"the disk is full\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/metrics", 405), ("HEAD", "/metrics", 200)],
)
def test_answers_other_requests_shortly(method: str, path: str, status: int) -> None:
    with serving(Fixed()) as server:
        response, _ = get(server.port, path, method=method)

    assert response.status == status
