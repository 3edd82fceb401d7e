"""Requests as one line, and regular expressions that end."""

import random
import re

import pytest

from headstart.collector.experiment_file.requests import (
    HeaderName,
    Pattern,
    Request,
    RequestLine,
)


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        ("GET /health", Request("GET", "/health")),
        ("GET /players -> 200", Request("GET", "/players", 200)),
        ("  DELETE   /players/7->404 ", Request("DELETE", "/players/7", 404)),
        ("POST /a?b=c%20d&e=/f", Request("POST", "/a?b=c%20d&e=/f")),
        ("HEAD /", Request("HEAD", "/")),
    ],
)
def test_a_request_is_written_in_one_line(line: str, request_: Request) -> None:
    assert RequestLine().parse(line) == request_


@pytest.mark.parametrize(
    "value",
    [
        "",
        "GET",
        "/health",
        "GET health",
        "CONNECT /x",
        "get /health",
        "GET /a b",
        "GET /a#b",
        "GET /é",
        "GET /a\r\nX: y",
        "GET /a\tb",
        "GET /a\n",
        "GET /a -> ",
        "GET /a -> 99",
        "GET /a -> 600",
        "GET /a -> 200 -> 300",
        "GET /a -> ²",
        "GET /a -> " + "1" * 5000,
        "GET /" + "a" * 2048,
        "GET http://example.com/",
        200,
        None,
        ["GET /a"],
    ],
)
def test_what_is_no_request_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="expected "):
        RequestLine().parse(value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "CONNECTION"])
def test_headers_that_frame_a_request_are_not_the_users(name: str) -> None:
    with pytest.raises(ValueError, match="written by the client"):
        HeaderName(sent=True).parse(name)

    assert HeaderName(sent=False).parse(name) == name


@pytest.mark.parametrize("name", ["", "X Y", "X:", "X\r\n", "é", None])
def test_what_is_no_header_name_is_refused(name: object) -> None:
    with pytest.raises(ValueError, match="expected the name of a header"):
        HeaderName(sent=False).parse(name)


@pytest.mark.parametrize(
    "pattern",
    [
        "ready",
        r'"status":\s*"(ok|ready)"',
        r"^v\d+\.\d+\.\d+$",
        r"(\d{1,3}\.){3}\d{1,3}",
        r"(?:ab)+c",
        r"(?P<word>\w+) is",
        r"(?i)healthy",
        r"[()*+?|]+",
        r"a\(b+\)*",
        r"[]*]+x",
        r"(a|b)?c",
        r"(abc){2,}",
        r"x{}",
        r"\{.*\}",
    ],
)
def test_patterns_that_people_write_are_accepted(pattern: str) -> None:
    assert Pattern().parse(pattern) == pattern


@pytest.mark.parametrize(
    "pattern",
    [
        r"(a+)+$",
        r"(a*)*",
        r"((a+)b?)+",
        r"(?:a+){2,}",
        r"(a|a)*$",
        r"(a|ab)+c",
        r"(a?){20}",
        r"(.*,){10}",
        r"(\w+\s?)*$",
        r"(\w)\1",
        r"(?P<a>x)(?P=a)",
        r"(?=a)",
        r"(?<!a)b",
        r"(?>a+)b",
        r"(?#why)a",
        r"a++b",
        r"a{1,2}+b",
        r".*x",
        r"(.+)x",
    ],
)
def test_patterns_that_may_take_forever_are_refused(pattern: str) -> None:
    with pytest.raises(
        ValueError, match=r"forever|to open a group|at the beginning|not known here"
    ):
        Pattern().parse(pattern)


@pytest.mark.parametrize(
    "pattern", ["(", "[", "*", "a**", "(?", r"\\"[:1], "a{2,1}", "a{99999999999}"]
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        Pattern().parse(pattern)


@pytest.mark.parametrize("value", ["", None, 5, ["a"], "a" * 513])
def test_a_pattern_is_a_short_text(value: object) -> None:
    with pytest.raises(ValueError, match="expected a regular expression"):
        Pattern().parse(value)


def test_what_python_only_warns_of_is_no_crash() -> None:
    assert Pattern().parse("[[a]") == "[[a]"


def drawn(draw: random.Random, depth: int = 3) -> str:
    """A pattern with groups in groups and repetitions of all of them."""
    pieces = []
    for _ in range(draw.randint(1, 3)):
        group = depth > 0 and draw.random() < 0.5
        piece = f"({drawn(draw, depth - 1)})" if group else draw.choice("aab.")
        pieces.append(piece + draw.choice(["", "", "*", "+", "?", "{2,}", "{1,3}", "{12}"]))
    return draw.choice(["", "", "|"]).join(pieces)


def test_accepted_patterns_end() -> None:
    """An exponential one takes 2^28 steps on this text, and the time of the test is over."""
    draw = random.Random(7)
    accepted = 0
    for _ in range(4000):
        pattern = drawn(draw)
        try:
            Pattern().parse(pattern)
        except ValueError:
            continue
        accepted += 1
        re.search(pattern, "a" * 28 + "!")

    assert accepted > 400
