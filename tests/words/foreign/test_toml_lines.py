"""Where the keys of a TOML file stand."""

from headstart.words.foreign.toml_lines import key_lines, line_of

TEXT = """
top = 1
a.b = 2
[section]  # a comment
key = "x = y"
"quoted" = { inner = 1 }
[section.below]
key = 3
"""


def test_each_key_and_table_has_its_line() -> None:
    assert key_lines(TEXT) == {
        ("top",): 2,
        ("a",): 3,
        ("a", "b"): 3,
        ("section",): 4,
        ("section", "key"): 5,
        ("section", "quoted"): 6,
        ("section", "below"): 7,
        ("section", "below", "key"): 8,
    }


def test_what_stands_nowhere_has_the_line_of_what_is_around_it() -> None:
    lines = key_lines(TEXT)

    assert line_of(("section", "quoted", "inner"), lines) == 6
    assert line_of(("elsewhere",), lines) == 1
