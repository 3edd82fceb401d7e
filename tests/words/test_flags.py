from pathlib import Path

from headstart.words.flags import FlagCode

METHODOLOGY = Path(__file__).parents[2] / "docs/METHODOLOGY.md"


def test_what_each_flag_means_is_in_the_methodology() -> None:
    text = METHODOLOGY.read_text()

    assert [code for code in FlagCode if code not in text] == []
