"""What a scrape and a health check are answered."""

import gzip
import http.client
from contextlib import closing

import pytest

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
