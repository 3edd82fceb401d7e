"""Sizes on the command line."""

import pytest

from support.running import headstart


@pytest.mark.parametrize("flag", ["--store-bytes", "--run-bytes", "--agent-bytes"])
@pytest.mark.parametrize(
    ("size", "words"),
    [("5", "a size such as 512MiB"), ("5xx", "unknown unit 'xx'"), ("1B", "1MiB")],
)
def test_a_size_that_is_none_is_refused_with_what_was_expected(
    flag: str, size: str, words: str
) -> None:
    ran = headstart("collector", flag, size)

    assert ran.status == 2
    assert flag in ran.errors
    assert words in ran.errors
