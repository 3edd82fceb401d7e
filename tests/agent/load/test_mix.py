"""The order of a mix follows its weights, evenly spread; requests are what HTTP/1.1 sends."""

import pytest

from headstart.agent.load.mix import order
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
