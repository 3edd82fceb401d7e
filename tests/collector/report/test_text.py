import pytest

from headstart.collector.report.text import clean, fenced, line, markdown, tail


@pytest.mark.parametrize(
    "hostile",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;new title\x07red",
        "\x1b]8;;http://example.com\x1b\\red\x1b]8;;\x1b\\",
        "\x9b2Jred",
        "\x1bcred",
        "r\x00e\x08d",
        "\u202ered",
    ],
)
def test_escape_sequences_and_controls_are_gone(hostile: str) -> None:
    assert clean(hostile) == "red"


def test_lines_and_tabs_of_output_stay() -> None:
    assert clean("a\r\n\tb") == "a\n\tb"
    assert line(" a\n  b ") == "a b"


def test_a_tail_is_its_last_lines() -> None:
    assert tail("\n".join(map(str, range(100))), 3) == "97\n98\n99"


def test_markdown_finds_no_markup_in_text() -> None:
    assert markdown("a|b <script> [x](y)\n`c`") == r"a\|b \<script\> \[x\](y) \`c\`"


def test_a_fence_cannot_be_closed_from_within() -> None:
    assert fenced("a\n````\nb", "text") == "`````text\na\n````\nb\n`````"
