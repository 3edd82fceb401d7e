"""The order of a mix follows its weights, evenly spread; requests are what HTTP/1.1 sends."""

import pytest

from headstart.agent.http.serialise import authority, serialise
from headstart.agent.load.mix import order
from headstart.v1.experiment_pb2 import Header, HttpRequest
from support.load_tasks import load_of, request


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1], [0]),
        ([7], [0]),
        ([0, 0], [0, 1]),
        ([1, 1, 1], [0, 1, 2]),
        ([3, 1], [0, 0, 1, 0]),
        ([2, 4], [1, 0, 1]),
    ],
)
def test_each_request_has_its_share(weights: list[int], expected: list[int]) -> None:
    load = load_of(*(request(weight=weight) for weight in weights))

    assert order(load) == expected


def test_a_mix_is_spread_evenly() -> None:
    indices = order(load_of(request(weight=50), request(weight=49), request(weight=1)))

    assert [indices.count(i) for i in range(3)] == [50, 49, 1]
    assert all(set(indices[i : i + 4]) >= {0, 1} for i in range(0, 96, 4))


def test_extreme_weights_keep_the_order_short() -> None:
    indices = order(load_of(request(weight=1), request(weight=3_999_999)))

    assert len(indices) == 10_000


def test_a_request_is_what_http_1_1_sends() -> None:
    assert serialise(HttpRequest(method="GET", target="/players?x=1"), "127.0.0.1:80") == (
        b"GET /players?x=1 HTTP/1.1\r\nHost: 127.0.0.1:80\r\n\r\n"
    )


def test_a_body_has_its_length_and_stated_fields_are_kept() -> None:
    own = [Header(name="host", value="players.example"), Header(name="X-A", value="1")]
    posted = HttpRequest(method="POST", target="/", headers=own, body=b"{}")

    assert serialise(posted, "127.0.0.1:80") == (
        b"POST / HTTP/1.1\r\nhost: players.example\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n{}"
    )


def test_a_post_without_a_body_says_so() -> None:
    assert b"Content-Length: 0\r\n" in serialise(HttpRequest(method="POST", target="/"), "x")


def test_addresses_are_written_as_in_urls() -> None:
    assert authority("127.0.0.1", 80) == "127.0.0.1:80"
    assert authority("::1", 80) == "[::1]:80"
