r"""Text that programs under test wrote, in the forms that reports need.

Each format cleans what it writes, in one place: HTML in `page`, Markdown in `markdown` and
`fenced` here, the terminal in `console`, JUnit in `gate`, JSON in `findings.json`.
"""

import re

from headstart.words.foreign import clean

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")
# What would begin a list, a heading's underline or a rule where it stands first.
_MARKDOWN_FIRST = re.compile(r"^(\d{0,9})(?:([-+.)])(?= |$)|(=|-)(?=[=-]*$))")
# GitHub makes links of bare addresses.
_ADDRESSES = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
# With the no-break spaces of figures: plain text is searched.
_SPACES = re.compile(r"[ \t\r\n\u00a0]+")
_TAIL_LINES = 40


def line(text: str) -> str:
    """As a part of a sentence: clean, white space and line breaks are one space."""
    return clean.line(_SPACES.sub(" ", text).strip(" "))


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of an application's output."""
    return "\n".join(clean.lines(text).strip("\n").split("\n")[-lines:])


def markdown(text: str) -> str:
    """One line in which Markdown and HTML find no markup and no address."""
    found = _MARKDOWN.sub(r"\\\1", line(text))
    return _ADDRESSES.sub(r"\\\g<0>", _MARKDOWN_FIRST.sub(_escaped_first, found))


def fenced(text: str, language: str = "") -> str:
    """A fenced block that the text cannot end: its fence is longer than any run within."""
    text = clean.lines(text)
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _escaped_first(found: re.Match[str]) -> str:
    return f"{found[1]}\\{found[2] or found[3]}"
