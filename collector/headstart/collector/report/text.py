"""Text that programs under test wrote, made fit for a terminal, a page or Markdown."""

import re

# What ECMA-48 calls control sequences and strings: colours, cursor moves, window titles.
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_].*?(?:\x1b\\|\x07)|[ -/]*[0-~])|\x9b[0-?]*[ -/]*[@-~]",
    re.DOTALL,
)
# Of what is left, all controls but newline and tab; also those that reorder text on screen.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_TAIL_LINES = 40


def clean(text: str) -> str:
    """Without escape sequences and controls: it can move no cursor and rename no window."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))


def line(text: str) -> str:
    """Clean and on one line."""
    return " ".join(clean(text).split())


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """The last lines of an application's output, clean."""
    return "\n".join(clean(text).strip("\n").split("\n")[-lines:])


def markdown(text: str) -> str:
    """One line in which Markdown and HTML find no markup."""
    return _MARKDOWN.sub(r"\\\1", line(text))


def fenced(text: str, language: str = "") -> str:
    """A fenced block that the text cannot end: its fence is longer than any run within."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
