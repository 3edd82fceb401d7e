"""Files that people write, in other encodings than UTF-8."""

import pytest

from headstart.words.foreign.text_files import NotUtf8, decoded


def test_a_mark_of_utf_8_is_no_part_of_the_text() -> None:
    assert decoded("\ufeffä: 1".encode()) == "ä: 1"


@pytest.mark.parametrize(
    ("content", "line", "column", "message"),
    [
        (
            "a: 1\nb: öü".encode("latin-1"),
            2,
            4,
            "byte 0xF6 is not UTF-8; the file looks like Latin-1",
        ),
        ("“a”".encode("cp1252"), 1, 1, "byte 0x93 is not UTF-8; the file looks like Windows-1252"),
        ("a: 1".encode("utf-16"), 1, 1, "the file is UTF-16"),
        ("a: 1".encode("utf-16-le"), 1, 1, "the file is UTF-16"),
        ("a: 1".encode("utf-16-be"), 1, 1, "the file is UTF-16"),
        ("a: ä".encode()[:-1], 1, 4, "byte 0xC3 is not UTF-8"),
    ],
)
def test_what_was_found_is_told_with_its_place(
    content: bytes, line: int, column: int, message: str
) -> None:
    with pytest.raises(NotUtf8, match="save it as UTF-8") as caught:
        decoded(content)

    assert message in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)
