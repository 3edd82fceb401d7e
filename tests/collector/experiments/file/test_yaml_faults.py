"""A mistake of YAML is told in our words, where it was made and with what was expected."""

# ruff: noqa: E501  # messages as they are told

import pytest

from headstart.collector.experiments.file import ExperimentProblems, load_experiment

# Each: the text, where it is wrong, and what is said of it.
MISTAKES = {
    "open quote": ('a: "x\nb: 1\n', "1:4", "the quote that opens here is never closed"),
    "no colon": (
        "a: 1\nport 9000\nready: x\n",
        "2:1",
        "expected 'key: value': a key, a ':' and a space",
    ),
    "no colon at end": (
        "a: 1\nport 9000\n",
        "2:1",
        "expected 'key: value': a key, a ':' and a space",
    ),
    "tab": ("a:\n\tb: 1\n", "2:1", "a tab stands here; indent with spaces"),
    "tab2": ("a:\n  b: 1\n\tc: 2\n", "3:1", "a tab stands here; indent with spaces"),
    "@": ("a: @x\n", "1:4", "a value cannot begin with '@'; put the value into quotes"),
    "%": ("a: %x\n", "1:4", "a value cannot begin with '%'; put the value into quotes"),
    "colon in value": (
        "a: GET /x: y\n",
        "1:10",
        "a ':' cannot stand here; put a value that holds ': ' into quotes, or give this line the indentation of the keys beside it",
    ),
    "deeper": (
        "a:\n  port: 9000\n    ready: x\n",
        "3:10",
        "a ':' cannot stand here; put a value that holds ': ' into quotes, or give this line the indentation of the keys beside it",
    ),
    "deeper map": (
        "a:\n  b: {}\n    ready: x\n",
        "3:5",
        "this line is indented as no other that it could belong to; expected as many spaces as the keys beside it have",
    ),
    "shallower": (
        "a:\n    b: 1\n  c: 2\n",
        "3:3",
        "this line is indented as no other that it could belong to; expected as many spaces as the keys beside it have",
    ),
    "shallower top": (
        "  a: 1\nb: 2\n",
        "2:1",
        "what came before has ended; expected the indentation of the first line",
    ),
    "open [": (
        "a: [1, 2\nb: 3\n",
        "1:4",
        "the '[' that opens here is not closed: expected ',' or ']' before line 2",
    ),
    "open { eof": (
        "a: {x: 1\n",
        "1:4",
        "the '{' that opens here is not closed: expected ',' or '}' before line 2",
    ),
    "open { next": (
        "a: {x: 1\nb: 2\n",
        "1:4",
        "the '{' that opens here is not closed: expected ',' or '}' before line 2",
    ),
    "comma missing": ('a: {x: "1" y: 2}\n', "1:12", "expected ',' or '}' here"),
    "[ }": ("a: [1, 2}\n", "1:9", "expected ',' or ']' here"),
    "stray ]": ("a: 1]\nb: ]\n", "2:4", "expected a value here"),
    "stray }": (
        'a: "x"}\n',
        "1:7",
        "nothing that was opened ends at this '}'; put the value into quotes if it belongs to it",
    ),
    "comma": (
        'a: "x", b\n',
        "1:7",
        "nothing that was opened ends at this ','; put the value into quotes if it belongs to it",
    ),
    "text after quotes": (
        'a: "x" y\n',
        "1:8",
        "a value ended before this; put all of it into one pair of quotes",
    ),
    "list among keys": (
        "a: 1\n- b\n",
        "2:1",
        "an entry of a list stands here; expected a key, as on line 1",
    ),
    "list on line": (
        "a: - b\n",
        "1:4",
        "a list cannot begin here; put each '- ' on a line of its own below the key",
    ),
    "keys in list": (
        "a:\n  - b\n  c: 1\n",
        "3:3",
        "this line is indented as no other that it could belong to; expected as many spaces as the keys beside it have",
    ),
    "? ": ("a: ? b\n", "1:4", "a key cannot begin with '?' here; put the value into quotes"),
    "dup anchor": (
        "a: &x 1\nb: &x 2\n",
        "2:4",
        "the anchor '&x' stands here twice, the first time on line 1; give one of them another name",
    ),
    "unknown alias": (
        "a: *.x\nb: 1\n",
        "1:5",
        "a value cannot begin with '*' or '&'; put the value into quotes",
    ),
    "alias2": (
        "a: *x\n",
        "1:4",
        "no anchor '&x' stands before this '*x'; put a value that begins with '*' into quotes",
    ),
    "alias *": (
        "a: * 1\n",
        "1:5",
        "a value cannot begin with '*' or '&'; put the value into quotes",
    ),
    "&": ("a: & 1\n", "1:5", "a value cannot begin with '*' or '&'; put the value into quotes"),
    "escape": (
        'a: "\\d+"\n',
        "1:6",
        "'\\d' means nothing within double quotes; write '\\\\' for a backslash, or use single quotes",
    ),
    "hex": ('a: "\\xZZ"\n', "1:7", "expected 2 hexadecimal digits here"),
    "block": (
        "a: |x\n  y\n",
        "1:5",
        "expected a line break after '|' or '>', and the text below it; else put the value into quotes",
    ),
    "> ": (
        "a: >=5\n",
        "1:5",
        "expected a line break after '|' or '>', and the text below it; else put the value into quotes",
    ),
    "tag": ("a: !x! y\n", "1:7", "a value cannot begin with '!'; put the value into quotes"),
    "!e": ("a: !e!x y\n", "1:4", "a value cannot begin with '!'; put the value into quotes"),
    "directive": (
        "%FOO\na: 1\n",
        "2:1",
        "what came before has ended; expected the indentation of the first line",
    ),
    "directive2": (
        "%YAML 3.0\n---\na: 1\n",
        "1:1",
        "expected YAML of version 1: leave the line that begins with '%YAML' out",
    ),
    "dir": (
        "a: 1\n%x\n",
        "3:1",
        "what came before has ended; expected the indentation of the first line",
    ),
    "dash3": ("a: 'x\n---\nb: 1", "1:4", "the quote that opens here is never closed"),
    "crlf tab": ("a:\r\n\tb: 1\r\n", "2:1", "a tab stands here; indent with spaces"),
    "empty value list": ("a: [1,,2]\n", "1:7", "expected a value here"),
    "colon key": (": x\n", "1:1", "expected a key before this ':'"),
}
JARGON = (
    "scalar",
    "token",
    "simple key",
    "mapping",
    "sequence",
    "block",
    "stream",
    "flow",
    "while ",
)


def told(text: str) -> str:
    with pytest.raises(ExperimentProblems) as refused:
        load_experiment(text, "/x")
    return str(refused.value).split("\n")[0].removeprefix("experiment.yaml:")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_where_it_was_made(mistake: str) -> None:
    text, place, message = MISTAKES[mistake]

    assert told(text) == f"{place}: {message}"


@pytest.mark.parametrize("mistake", MISTAKES)
def test_no_word_of_the_parser_is_told(mistake: str) -> None:
    assert not [word for word in JARGON if word in told(MISTAKES[mistake][0])]


def test_a_mark_of_byte_order_at_the_beginning_is_no_mistake() -> None:
    assert told("\ufeffexperiment: 1") == told("experiment: 1")
