"""How mistakes are put into words: what was found, what was expected, what was meant."""

import difflib
from collections.abc import Iterable
from typing import Any

_SHOWN_CHARACTERS = 60


def found(value: Any) -> str:
    """A value of a YAML file as its author would name it, short enough for one line."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return cut(str(value))
        case str():
            return quoted(value) if value else "an empty text"
        case dict():
            return "keys and values"
        case list():
            return "a list"
        case _:
            return f"a {type(value).__name__}"


def quoted(text: str) -> str:
    """Text in quotes, on one line."""
    return f"'{plain(text)}'"


def plain(text: str) -> str:
    """Text without its end when it is long, and with escapes for what cannot be printed."""
    shown = cut(text)
    return shown if shown.isprintable() else repr(shown)[1:-1]


def cut(text: str) -> str:
    """The beginning of a text that may be long."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` when a known word is near, otherwise nothing."""
    by_lower_case = {candidate.lower(): candidate for candidate in known}
    near = difflib.get_close_matches(word.lower(), by_lower_case, n=1, cutoff=0.6)
    return f"; did you mean '{by_lower_case[near[0]]}'?" if near else ""
