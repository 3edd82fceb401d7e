"""Addresses of git repositories: what one may be, and which a pattern of a policy fits.

Both parts read them: the collector tells a wrong one with its line, the agent takes none that
git could read as something else. There is no `%`, no `..` and no query, so that no two addresses
that look different are the same; `ext::` and other helpers of git are none.
"""

import re
from fnmatch import fnmatchcase

LONGEST_URL = 1000
COMMIT_PATTERN = "[0-9a-f]{40}"

_HOST = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?"
_USER = r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}@)?"
# With `file://` what follows is a path of the host.
_BEGINNING = rf"(?:(?:https?|git)://{_HOST}|ssh://{_USER}{_HOST}|file://)"
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9_.~+@-]+"
URL_PATTERN = rf"{_BEGINNING}(?:/{_SEGMENT})+"

_URL = re.compile(URL_PATTERN)
_COMMIT = re.compile(COMMIT_PATTERN)
_PARTS = re.compile(rf"({_BEGINNING})(/.+)")
_PATTERN = re.compile(rf"{_BEGINNING}/[A-Za-z0-9_.~+@/*?!\[\]-]+")


def is_git_url(text: str) -> bool:
    """Whether it is the address of a repository."""
    return len(text) <= LONGEST_URL and _URL.fullmatch(text) is not None


def is_commit(text: str) -> bool:
    """Whether it is the whole id of a commit."""
    return _COMMIT.fullmatch(text) is not None


def is_git_pattern(text: str) -> bool:
    """Whether it spells out how and where; wildcards are in the path alone."""
    return len(text) <= LONGEST_URL and _PATTERN.fullmatch(text) is not None


def fits_git_pattern(pattern: str, url: str) -> bool:
    """`*` is any text, `/` too, `?` one character, `[ab]` and `[!ab]` one of these or another."""
    wanted, found = _PARTS.fullmatch(pattern), _PARTS.fullmatch(url)
    if wanted is None or found is None or not is_git_url(url):
        return False
    return wanted[1] == found[1] and fnmatchcase(found[2], wanted[2])
