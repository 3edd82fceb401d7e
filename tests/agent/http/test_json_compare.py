"""Bodies are compared by value, with the path of each difference."""

import json

import pytest

from headstart.agent.http.json_compare import DIFFERENCE_LIMIT, differences


def found(baseline: bytes, variant: bytes, *volatile: str) -> list[tuple[str, str, str]]:
    return [(d.path, d.baseline, d.variant) for d in differences(baseline, variant, volatile)]


@pytest.mark.parametrize(
    ("baseline", "variant"),
    [
        (b'{"a": 1, "b": [1, 2]}', b'{"b":[1,2.0],"a":1.0}'),
        (b"", b""),
        (b"\xff\x00", b"\xff\x00"),
        (b"[]", b" []"),
    ],
)
def test_equal_values_do_not_differ(baseline: bytes, variant: bytes) -> None:
    assert found(baseline, variant) == []


@pytest.mark.parametrize(
    ("baseline", "variant", "expected"),
    [
        (b'{"a": 1}', b'{"a": 2}', [("$.a", "1", "2")]),
        (b'{"a": 1}', b'{"a": true}', [("$.a", "1", "true")]),
        (b'{"a": null}', b"{}", [("$.a", "null", "(absent)")]),
        (b"{}", b'{"a": "x"}', [("$.a", "(absent)", '"x"')]),
        (b'[{"n": 1}, {"n": 2}]', b'[{"n": 1}, {"n": 3}]', [("$[1].n", "2", "3")]),
        (b"[1, 2]", b"[1]", [("$", "2 elements", "1 elements")]),
        (b'{"a": []}', b'{"a": {}}', [("$.a", "[]", "{}")]),
        (b'{"a": {}}', b'{"a": 0}', [("$.a", "{}", "0")]),
        (b'{"a": 1, "b": 1}', b'{"a": 2, "b": 2}', [("$.a", "1", "2"), ("$.b", "1", "2")]),
    ],
)
def test_each_difference_has_its_path(
    baseline: bytes, variant: bytes, expected: list[tuple[str, str, str]]
) -> None:
    assert found(baseline, variant) == expected


def test_volatile_fields_are_left_out_at_any_depth() -> None:
    baseline = b'{"id": 1, "inner": [{"uptimeTicks": 5, "x": 1}]}'
    variant = b'{"id": 2, "inner": [{"uptimeTicks": 9, "x": 1}]}'

    assert found(baseline, variant, "id", "uptimeTicks") == []
    assert found(baseline, variant, "id") == [("$.inner[0].uptimeTicks", "5", "9")]


def test_what_is_not_json_is_compared_as_bytes() -> None:
    assert found(b"hello world", b"hello there") == [
        ("$", "'world' at byte 6 of 11", "'there' at byte 6 of 11")
    ]
    assert found(b'{"a": 1}', b"<html>")[0][0] == "$"
    assert found(b"abc", b"abcd") == [("$", "'' at byte 3 of 3", "'d' at byte 3 of 4")]


def test_the_number_of_differences_is_bounded() -> None:
    baseline = json.dumps(list(range(1000))).encode()
    variant = json.dumps(list(range(1, 1001))).encode()

    assert len(differences(baseline, variant, [])) == DIFFERENCE_LIMIT


def test_deeply_nested_bodies_are_compared_as_bytes() -> None:
    assert found(b"[" * 100_000, b"[" * 100_001)[0][0] == "$"
