"""The line that lets somebody in."""

import pytest

from headstart.words.enrolment_token import EnrolmentToken, MalformedToken, token_of
from headstart.words.roles import Role

TOKEN = EnrolmentToken("[::1]:7071", b"certificate", "abcd1234", bytes(range(32)), Role.AGENT, "h1")


def test_what_is_written_is_read_also_over_several_lines() -> None:
    text = TOKEN.text()

    assert text.isascii()
    assert len(text.split()) == 1
    assert token_of(text) == TOKEN
    assert token_of(f"{text[:40]}\n  {text[40:]}\n") == TOKEN


def test_a_traceback_shows_no_secret() -> None:
    assert repr(TOKEN) == "EnrolmentToken(abcd1234)"


@pytest.mark.parametrize("cut", [5, 6, 20, -1, -2, -5])
def test_a_line_that_was_cut_off_is_told(cut: int) -> None:
    with pytest.raises(MalformedToken, match="cut off or changed"):
        token_of(TOKEN.text()[:cut])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no token"),
        ("hst2-abc", "no token"),
        ("hst1-" + "a" * 10_000, "too long"),
        ("hst1-\u00e9", "cut off or changed"),
        (
            EnrolmentToken("nowhere", b"c", "abcd", bytes(32), Role.AGENT).text(),
            "no collector puts",
        ),
        (EnrolmentToken("h:1", b"", "abcd", bytes(32), Role.AGENT).text(), "no collector puts"),
        (EnrolmentToken("h:1", b"c", "abcd", b"", Role.AGENT).text(), "no collector puts"),
        (EnrolmentToken("h:1", b"c", "abcd", bytes(32), Role.AGENT, "-").text(), "no collector"),
    ],
)
def test_what_is_no_token_is_told(text: str, why: str) -> None:
    with pytest.raises(MalformedToken, match=why):
        token_of(text)
