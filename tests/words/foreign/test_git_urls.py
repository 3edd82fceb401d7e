"""Addresses of git repositories: what is one, and what a policy's pattern fits."""

import pytest

from headstart.words.foreign.git_urls import (
    fits_git_pattern,
    is_commit,
    is_git_pattern,
    is_git_url,
)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/team/app.git",
        "https://git.example.com:8443/team/sub/app",
        "http://127.0.0.1:3000/a",
        "http://[::1]:3000/a",
        "ssh://git@git.example.com/team/app",
        "ssh://git.example.com:2222/~team/app",
        "git://git.example.com/app",
        "file:///srv/git/app.git",
    ],
)
def test_what_is_an_address(url: str) -> None:
    assert is_git_url(url)
    assert is_git_pattern(url)
    assert fits_git_pattern(url, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "git@git.example.com:team/app",
        "--upload-pack=touch /x",
        "ext::sh -c touch% /x",
        "ext://sh/x",
        "https://-oProxyCommand=x/a",
        "ssh://-oProxyCommand=x/a",
        "ssh://-x@host/a",
        "https://user@git.example.com/a",
        "https://user:password@git.example.com/a",
        "https://git.example.com",
        "https://git.example.com/",
        "https://git.example.com/team/../other/app",
        "https://git.example.com/team/./app",
        "https://git.example.com/team//app",
        "https://git.example.com/team/%2e%2e/app",
        "https://git.example.com/app?x=1",
        "https://git.example.com/app#x",
        "https://git.example.com/a b",
        "https://git.example.com/a\n",
        "https://Git.Example.com/a",
        "file://host/a",
        "/srv/git/app",
        "../app",
        "https://git.example.com/" + "a" * 1000,
    ],
)
def test_what_is_none(url: str) -> None:
    assert not is_git_url(url)
    assert not fits_git_pattern("https://git.example.com/*", url)


@pytest.mark.parametrize(
    ("pattern", "url", "fits"),
    [
        ("https://git.example.com/team/*", "https://git.example.com/team/app", True),
        ("https://git.example.com/team/*", "https://git.example.com/team/sub/app.git", True),
        ("https://git.example.com/team/*", "https://git.example.com/teams/app", False),
        ("https://git.example.com/team/*", "http://git.example.com/team/app", False),
        ("https://git.example.com/team/*", "https://git.example.com:444/team/app", False),
        ("https://git.example.com/team/*", "https://git.example.com.evil.example/team/a", False),
        ("https://git.example.com/team/*", "ssh://git.example.com/team/app", False),
        ("ssh://git@git.example.com/*", "ssh://git.example.com/team/app", False),
        ("ssh://git@git.example.com/*", "ssh://git@git.example.com/team/app", True),
        ("https://git.example.com/*", "file:///srv/git/app", False),
        ("file:///srv/git/*", "file:///srv/git/app", True),
        ("file:///srv/git/*", "file:///etc/app", False),
        ("https://git.example.com/[ab]?/x", "https://git.example.com/ac/x", True),
        ("https://git.example.com/[!ab]/x", "https://git.example.com/a/x", False),
        ("https://git.example.com/Team/*", "https://git.example.com/team/app", False),
    ],
)
def test_a_pattern_spells_out_how_and_where(pattern: str, url: str, fits: bool) -> None:
    assert is_git_pattern(pattern)
    assert fits_git_pattern(pattern, url) == fits


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "https://*",
        "https://*.example.com/a",
        "*://git.example.com/a",
        "ext::*",
        "git.example/*",
    ],
)
def test_a_pattern_that_leaves_it_open_is_none(pattern: str) -> None:
    assert not is_git_pattern(pattern)


def test_a_commit_is_a_whole_id() -> None:
    assert is_commit("0123456789abcdef0123456789abcdef01234567")
    for text in ("", "main", "0123456", "--all" + "0" * 35, "A" * 40, "0" * 41, "0" * 39 + "\n"):
        assert not is_commit(text)
