"""Requests as one line, and regular expressions of RE2."""

import pytest

from headstart.collector.experiments.file.requests import (
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
    "pattern", [r"(a+)+$", r"(a|ab)+c", r"(\w+\s?)*$", r".*x", r"(GET|POST)+", r"(a?){20}"]
)
def test_patterns_that_would_make_other_engines_backtrack_are_accepted(pattern: str) -> None:
    assert Pattern().parse(pattern) == pattern


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(\w)\1", r"invalid escape sequence: \\1 \(RE2 does not refer back"),
        (r"(?P<a>x)(?P=a)", "does not refer back"),
        (r"(?=a)", "does not look ahead"),
        (r"(?<!a)b", "does not look behind"),
        (r"(?>a+)b", "has no atomic groups"),
        (r"a++b", "a repetition of a repetition"),
        (r"ok\Z", "for the end of the text"),
        ("\\u00e9", "the letter itself"),
        ("a{,3}", r"has no lower end; write \{0,3\}"),
        ("a{1001}", "at most 1000"),
        ("a{99999999999}", "more than 1000 times"),
        ("(?x)a b", "invalid perl operator"),
        ("(?:\\pL\\pN){900}", "pattern too large"),
        *((text, "not a regular expression of RE2: ") for text in ("(", "[", "*", "(?", "a{2,1}")),
        ("\\", "trailing"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Pattern().parse(pattern)


@pytest.mark.parametrize("value", ["", None, 5, ["a"], "a" * 513])
def test_a_pattern_is_a_short_text(value: object) -> None:
    with pytest.raises(ValueError, match="expected a regular expression"):
        Pattern().parse(value)
