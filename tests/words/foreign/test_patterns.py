"""Patterns: what they find, how long that takes at worst, and what of a text is searched."""

import random
import re
import subprocess
import sys
import threading
import time
from itertools import pairwise

import pytest

from headstart.words.foreign.patterns import (
    LIMIT_BYTES,
    MalformedPattern,
    compile_pattern,
)


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("ready", b"not ready yet", True),
        (r'"status":\s*"(ok|ready)"', b'{"status": "ready"}', True),
        (r"^v\d+\.\d+$", b"v1.2", True),
        # A line's end at the end is none that '$' would see, as in Python's patterns.
        (r"^v\d+\.\d+$", b"v1.2\n", True),
        (r"^v\d+\.\d+$", b"v1.2\n\n", False),
        (r"^v\d+\.\d+\z", b"v1.2\n", False),
        (r"costs 5\$", b"costs 5$\n", True),
        ("^two$", b"one\ntwo\nthree", False),
        ("(?m)^two$", b"one\ntwo\nthree", True),
        ("a.c", b"a\nc", False),
        ("(?s)a.c", b"a\nc", True),
        ("(?i)HeAlThY", b"healthy", True),
        ("(?i)grösse", "GRÖSSE".encode(), True),
        # Classes are ASCII's; letters and digits of all scripts have names.
        (r"^\w+$", "é".encode(), False),
        (r"^\pL+$", "é".encode(), True),
        (r"^\d$", "٣".encode(), False),
        (r"^\pN$", "٣".encode(), True),
        ("^.$", "é".encode(), True),
        # What is not UTF-8 is no character, and does not keep the rest from being found.
        ("ok", b"\xff\xfe ok \xff", True),
        ("^.ok", b"\xffok", False),
        ("é", "caf\u00e9".encode("latin-1"), False),
        ("\0", b"a\0b", True),
        ("x{}", b"x{}", True),
        ("^$", b"", True),
        ("^$", b"\n", True),
    ],
)
def test_what_a_pattern_finds(pattern: str, text: bytes, found: bool) -> None:
    assert compile_pattern(pattern).found_in(text) is found


def test_what_pythons_patterns_find_is_found_alike() -> None:
    """Those that both know, in ASCII: files of older releases mean what they meant."""
    draw = random.Random(7)
    pieces = ["a", "b", "[ab]", "[^a]", "(a|b)", "(?:ab)", ".", r"\d", r"\w", r"\s", r"\b", r"\."]
    signs = ["", "", "*", "+", "?", "*?", "{2}", "{1,3}", "{2,}"]
    for _ in range(3000):
        body = "".join(
            piece + ("" if piece == r"\b" else draw.choice(signs))
            for piece in draw.choices(pieces, k=draw.randint(1, 4))
        )
        pattern = draw.choice(["", "^"]) + body + draw.choice(["", "$"])
        text = "".join(draw.choices("ab1 .\n", k=draw.randint(0, 8)))
        expected = re.search(pattern, text) is not None

        assert compile_pattern(pattern).found_in(text.encode()) is expected, (pattern, text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("[0-9]+-end", b"1" * LIMIT_BYTES),
        ("(a+)+$", b"a" * (LIMIT_BYTES - 1) + b"!"),
        (r"(\w+\s?)*!", b"word " * (LIMIT_BYTES // 5)),
        ("(.?){1000}x", "é".encode() * (LIMIT_BYTES // 2)),
        ("(?:[ab]*a[ab]{900})z", random.Random(1).randbytes(LIMIT_BYTES // 8).hex().encode()),
        (
            "(?:[ab]*a[ab]{900})z",
            bytes(random.Random(1).choices(b"ab", k=LIMIT_BYTES)),
        ),
    ],
    ids=["quadratic", "exponential", "words", "repetitions", "hexadecimal", "states"],
)
def test_a_search_ends_in_seconds_and_lets_others_work(pattern: str, text: bytes) -> None:
    """The worst that were found, on a mebibyte; without RE2 the first took an hour."""
    beats: list[float] = []
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.01):
            beats.append(time.monotonic())

    heart = threading.Thread(target=beat)
    heart.start()
    begin = time.monotonic()
    found = compile_pattern(pattern).found_in(text)
    took = time.monotonic() - begin
    ended.set()
    heart.join()

    assert not found
    assert took < 10
    assert all(later - one < 2 for one, later in pairwise(beats))


def test_a_large_pattern_is_searched_in_less() -> None:
    small, large = compile_pattern("end$"), compile_pattern("(?:[ab]*a[ab]{900})z")

    assert small.limit_bytes == LIMIT_BYTES
    assert 1 << 14 < large.limit_bytes < LIMIT_BYTES
    assert not large.found_in(b"." * LIMIT_BYTES + b"a" * 1000 + b"z")


@pytest.mark.parametrize("pattern", ["", "a" * 513, "(", "\ud800", "(?:\\pL\\pN){900}"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(MalformedPattern):
        compile_pattern(pattern)


def test_re2_is_loaded_with_the_first_pattern() -> None:
    """An agent at rest has none."""
    program = (
        "import sys; from headstart.words.foreign.patterns import compile_pattern;"
        " before = 're2' in sys.modules; compile_pattern('a');"
        " print(before, 're2' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    written = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    assert written.split() == ["False", "True"]
