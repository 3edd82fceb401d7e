import pytest

from headstart.collector.report.sentences.text import fenced, line, markdown, tail


def test_a_part_of_a_sentence_has_no_line_breaks() -> None:
    assert line(" a\r\n\t b ") == "a b"
    assert line("a\u3000b 24.6\u00a0s") == "a\u3000b 24.6 s"


def test_a_tail_is_its_last_lines() -> None:
    assert tail("\n".join(map(str, range(100))), 3) == "97\n98\n99"


def test_markdown_finds_no_markup_in_text() -> None:
    assert markdown("a|b <script> [x](y)\n`c`") == r"a\|b \<script\> \[x\](y) \`c\`"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("1. a", r"1\. a"),
        ("2) a", r"2\) a"),
        ("===", r"\==="),
        ("---", r"\---"),
        ("a - b = 1.5", "a - b = 1.5"),
    ],
)
def test_text_that_stands_first_begins_no_list_and_no_heading(text: str, written: str) -> None:
    assert markdown(text) == written


def test_addresses_do_not_become_links() -> None:
    assert markdown("see https://evil.example or www.evil.example: x") == (
        r"see https\://evil.example or www\.evil.example: x"
    )


def test_controls_in_markdown_are_shown() -> None:
    assert markdown("a\x1b[2J\u202eb") == r"a\\x1b\[2J\\u202eb"
    assert fenced("a\x1b[2J\nb") == "```\na\\x1b[2J\nb\n```"


def test_a_fence_cannot_be_closed_from_within() -> None:
    assert fenced("a\n````\nb", "text") == "`````text\na\n````\nb\n`````"
