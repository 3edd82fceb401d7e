"""Every function of `clean` against every code point, and against text that must stay as it is."""

import json
import random
import unicodedata
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from headstart.words.foreign import clean
from support.hostile_words import JOINERS, is_hostile

LEGIT = (
    "Größe naïve Łódź Ελληνικά Привет",
    "東京都\u3000大阪 한국어 ภาษาไทย",
    "שלום עולם 123",
    "می‌خواهم مرحبا \u0605",
    "क्‍ष नमस्ते",
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 ❤️ ✅ ❌",
    "50\u00a0ms ± 2\u202f% → ≥ „quoted“ – …",
    "\ue0b0 a private glyph",
    r"C:\new\x1b is a path and \u202e no override",
    "  indented   and spaced  ",
)


HOSTILE = [chr(code) for code in range(0x110000) if is_hostile(chr(code))]


def test_every_hostile_code_point_is_shown_and_the_reader_can_tell_which() -> None:
    for character in HOSTILE:
        found = clean.line(f"a{character}b")

        assert found[0] == "a"
        assert found[-1] == "b"
        assert found[1:-1].encode().decode("unicode_escape") == character


def test_every_other_assigned_code_point_stays_as_it_is() -> None:
    others = [
        chr(code)
        for code in range(0x110000)
        if unicodedata.category(chr(code)) != "Cn" and not is_hostile(chr(code))
    ]
    text = " ".join(others)

    for begin in range(0, len(text), 4000):
        assert clean.line(text[begin : begin + 4000]) == text[begin : begin + 4000]
    assert clean.lines(text) == text


@pytest.mark.parametrize("text", LEGIT)
@pytest.mark.parametrize("function", [clean.line, clean.lines, clean.label])
def test_text_of_every_script_stays_as_it_is(text: str, function: Callable[[str], str]) -> None:
    assert function(text) == text


def hostile_text(source: random.Random) -> str:
    pool = [*HOSTILE, *"\x1b[31m\r\n\t;:]", *"".join(LEGIT), *JOINERS]
    return "".join(source.choice(pool) for _ in range(source.randrange(80)))


@pytest.mark.parametrize("seed", range(300))
def test_hostile_text_comes_out_clean_and_cleaning_twice_is_cleaning_once(seed: int) -> None:
    text = hostile_text(random.Random(seed))

    for function in (clean.line, clean.lines, clean.label):
        found = function(text)
        left = {c for c in found if is_hostile(c) and c not in JOINERS}

        assert left <= ({"\n", "\t"} if function is clean.lines else set())
        assert function(found) == found
        assert found.encode("utf-8").decode("utf-8") == found
        assert parsed_as_xml(found) == found


@pytest.mark.parametrize("seed", range(300))
def test_json_keeps_its_values_and_shows_no_control(seed: int) -> None:
    text = hostile_text(random.Random(seed))
    # Two lone surrogates in a row are one character in JSON, which cannot say otherwise.
    value = {"key": ["".join(c for c in text if unicodedata.category(c) != "Cs"), "\udc80"]}

    for indent in (None, 1):
        found = clean.json_text(json.dumps(value, ensure_ascii=False, indent=indent))

        assert json.loads(found) == value
        assert {c for c in found if is_hostile(c)} <= {"\n", *JOINERS}


def parsed_as_xml(text: str) -> str:
    element = ElementTree.Element("a")
    element.text = text
    return ElementTree.fromstring(ElementTree.tostring(element)).text or ""  # noqa: S314  # ours


def test_joiners_are_shown_where_no_script_needs_them() -> None:
    assert clean.line("jit\u200d\u200c aot\u200c") == r"jit\u200d\u200c aot\u200c"


def test_colours_are_taken_away_and_other_sequences_are_shown() -> None:
    assert clean.line("\x1b[31;1mred\x1b[0m\x1b[K") == "red"
    assert clean.line("\x1b]0;title\x07\x1b[2J\x9b31m") == r"\x1b]0;title\x07\x1b[2J\x9b31m"
    # What is left after the inner sequence is gone must not become one.
    assert clean.line("\x1b[\x1b[0m2J") == r"\x1b[2J"


def test_a_line_has_no_breaks_and_lines_keep_theirs() -> None:
    assert clean.line("a\r\nb\tc") == r"a\r\nb\tc"
    assert clean.lines("a\r\nb\tc\rd") == "a\nb\tc\\rd"


def test_a_long_line_is_cut_and_says_how_long_it_was() -> None:
    found = clean.line("\x1b" * 20_000)

    assert len(found) == clean.LINE_CHARACTERS
    assert found.endswith("… (20,000 characters)")


def test_long_labels_are_cut_and_stay_apart() -> None:
    found = {clean.label("x" * 5000 + end) for end in ("1", "2")}

    assert {len(label) for label in found} == {clean.LABEL_CHARACTERS}
    assert len(found) == 2


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("20261128-131759-16c9", "20261128-131759-16c9"),
        ("../../etc/passwd", "_.._.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        (".ssh", "_.ssh"),
        ("-rf", "_-rf"),
        ("a\x00b\nc", "a_b_c"),
        ("", "_"),
        ("x" * 500, "x" * 128),
    ],
)
def test_a_file_name_leaves_no_folder_and_is_no_option(text: str, name: str) -> None:
    assert clean.file_name(text) == name


def test_colours_and_erasing_a_line_are_taken_away_and_nothing_else() -> None:
    assert clean.uncoloured("\x1b[1;31mred\x1b[0m\x1b[K \x1b[2J\n") == "red \x1b[2J\n"
