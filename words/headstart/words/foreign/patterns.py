"""Patterns of experiment files: what one may be, and whether it is found in what an app wrote.

They are RE2's (github.com/google/re2, wiki/Syntax), whose search takes time that grows with
the text alone and lets go of the interpreter meanwhile. RE2 is loaded with the first pattern.
"""

import re
from functools import lru_cache
from typing import Any

# Characters of a pattern as it is written, and the memory that RE2 may use for one.
MAXIMUM_PATTERN = 512
_MEMORY_BYTES = 2 << 20
# Most bytes of a text that are looked at, and most of their product with the size of the
# compiled pattern: at 10 to 30 ns each, the worst that RE2 takes, this is a second or two.
LIMIT_BYTES = 1 << 20
_STEPS = 64 << 20

# Python's patterns repeat by these, which are text in RE2's: from 0 up to a number, and
# more often than RE2 can count.
_NO_REPETITION = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?:(?P<below>,\d+)|(?P<many>\d{5,}(?:,\d*)?))\}", re.DOTALL
)
# How RE2 names what it does not know -> what that is, for those who know it from elsewhere.
_HINTS = {
    r"invalid escape sequence: \Z": r" (write \z for the end of the text)",
    r"invalid escape sequence: \u": r" (write \x{e9} or the letter itself)",
    "invalid perl operator: (?=": " (RE2 does not look ahead)",
    "invalid perl operator: (?!": " (RE2 does not look ahead)",
    "invalid perl operator: (?<": " (RE2 does not look behind)",
    "invalid perl operator: (?>": " (RE2 has no atomic groups, and needs none)",
    "bad repetition operator: ": " (a repetition of a repetition)",
    "invalid repetition size: ": " (at most 1000, also of groups within groups)",
}
_REFERS_BACK = re.compile(r"invalid escape sequence: \\[1-9]|invalid perl operator: \(\?P")


class MalformedPattern(ValueError):
    """A text is no pattern; the message is a sentence's end that says why."""


class Pattern:
    """A compiled pattern; `compile_pattern` makes it."""

    def __init__(self, text: str) -> None:
        # A tenth of an agent's memory at rest, which needs no patterns.
        import re2

        options = re2.Options()
        options.max_mem = _MEMORY_BYTES
        options.log_errors = False
        options.never_capture = True
        try:
            self._regexp: Any = re2.compile(text, options)
        except re2.error as error:
            raise MalformedPattern(_words(error.args[0])) from error
        self._ends = "$" in text
        # How much of a text is searched.
        self.limit_bytes = min(LIMIT_BYTES, _STEPS // self._regexp.programsize)

    def found_in(self, text: bytes) -> bool:
        """Whether it is found in the first `limit_bytes`, UTF-8 or not; see docs/EXPERIMENT.md."""
        text = text[: self.limit_bytes]
        if self._regexp.search(text) is not None:
            return True
        # As in Python's patterns, a line's end at the end is none that '$' would see.
        return self._ends and text.endswith(b"\n") and self._regexp.search(text[:-1]) is not None


@lru_cache(maxsize=256)
def compile_pattern(text: str) -> Pattern:
    """The pattern that a text means, compiled once. MalformedPattern says why it means none."""
    if not text:
        raise MalformedPattern("empty")
    if len(text) > MAXIMUM_PATTERN:
        raise MalformedPattern(f"more than {MAXIMUM_PATTERN} characters")
    for token in _NO_REPETITION.finditer(text):
        if token["below"]:
            raise MalformedPattern(f"{token[0]} has no lower end; write {{0{token[0][1:]}")
        if token["many"]:
            raise MalformedPattern(f"{token[0]} repeats more than 1000 times")
    try:
        return Pattern(text)
    except UnicodeEncodeError as error:
        raise MalformedPattern("half a character (a surrogate)") from error


def _words(error: bytes | str) -> str:
    text = error.decode("utf-8", "replace") if isinstance(error, bytes) else str(error)
    if _REFERS_BACK.match(text):
        return f"{text} (RE2 does not refer back to a group)"
    return text + next((hint for begins, hint in _HINTS.items() if text.startswith(begins)), "")
