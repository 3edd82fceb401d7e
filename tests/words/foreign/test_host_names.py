"""What a host may be called."""

import pytest

from headstart.words.foreign.host_names import is_host_name


@pytest.mark.parametrize("name", ["h", "bench-1", "Build_07.example.com", "10.0.0.7", "a" * 253])
def test_hostnames_are_names(name: str) -> None:
    assert is_host_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a" * 254,
        "-a",
        "a-",
        ".",
        "a b",
        "a\nb",
        "a\x1b[2J",
        "a/b",
        'a"b',
        "ä",
        "a\u202eb",
        "a\n",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert not is_host_name(name)
