"""References of images by Docker's grammar, read and completed as `docker` does it.

    parse_image("players").full        -> "docker.io/library/players:latest"
    parse_image("sha256:9f86…").digest -> "sha256:9f86…", with no name

Grammar and completion: github.com/distribution/reference, `regexp.go`, `reference.go` and
`normalize.go` (ParseAnyReference, ParseDockerRef) as of April 2026. `docker-image-py` was
no choice: it takes a reference that ends in a line break.
"""

import re
from dataclasses import dataclass

DEFAULT_DOMAIN = "docker.io"
LEGACY_DEFAULT_DOMAIN = "index.docker.io"
OFFICIAL = "library/"
DEFAULT_TAG = "latest"
# What a reference may be at most: a domain of 253 characters with a port, then its parts.
MAXIMUM_REFERENCE = 1024
_MAXIMUM_PATH = 255

# Letters and digits are ASCII's alone, as in Go's regular expressions.
_DOMAIN_PART = "(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)"
_DOMAIN_TEXT = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_PATH_TEXT = f"{_PATH_PART}(?:/{_PATH_PART})*"
_TAG_TEXT = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DOMAIN, _PATH, _TAG = (re.compile(text) for text in (_DOMAIN_TEXT, _PATH_TEXT, _TAG_TEXT))
_IDENTIFIER = re.compile("[a-f0-9]{64}")
_HEXADECIMAL = re.compile("[a-f0-9]+")
# The grammar as one expression, for schemas; `parse_image` knows lengths and digests too.
REFERENCE_PATTERN = (
    f"^(?:{_DOMAIN_TEXT}/)?{_PATH_TEXT}(?::{_TAG_TEXT})?(?:@[a-z0-9]+:[a-f0-9]{{64,}})?$"
)
# Algorithm -> hexadecimal digits (opencontainers/go-digest).
DIGESTS = {"sha256": 64, "sha384": 96, "sha512": 128}


class MalformedReference(ValueError):
    """A text is no reference of an image; the message says which part is wrong."""


@dataclass(frozen=True)
class ImageReference:
    """A name with a tag or a digest, or an image's id alone (domain and path empty)."""

    domain: str = ""
    path: str = ""
    # Never beside a digest, which says more: Docker leaves the tag out then.
    tag: str = ""
    digest: str = ""

    @property
    def full(self) -> str:
        """With domain, `library/` and tag: what the reference means."""
        if not self.path:
            return self.digest
        name = f"{self.domain}/{self.path}"
        return f"{name}@{self.digest}" if self.digest else f"{name}:{self.tag}"


def parse_image(text: str) -> ImageReference:
    """What a reference means: a name, an id or a digest. MalformedReference for any other text.

    The beginning of an id is a name by this grammar; an engine that knows no such name
    takes it for an id nevertheless.
    """
    if len(text) > MAXIMUM_REFERENCE:
        raise MalformedReference(f"more than {MAXIMUM_REFERENCE} characters")
    if not text:
        raise MalformedReference("empty")
    if _IDENTIFIER.fullmatch(text):
        return ImageReference(digest=f"sha256:{text}")
    algorithm, colon, hexadecimal = text.partition(":")
    if colon and len(hexadecimal) == DIGESTS.get(algorithm) and _HEXADECIMAL.fullmatch(hexadecimal):
        return ImageReference(digest=text)
    named, at, digest = text.partition("@")
    if at:
        _require_digest(digest)
    domain, rest = split_domain(named)
    path, colon, tag = rest.partition(":")
    if _DOMAIN.fullmatch(domain) is None:
        raise MalformedReference(f"the registry {_shown(domain)} is no host name with a port")
    _require_path(path)
    if colon and _TAG.fullmatch(tag) is None:
        raise MalformedReference(
            f"the tag {_shown(tag)} is not 1 to 128 of A-Z, a-z, 0-9, '_', '.' and '-',"
            " the first of them no '.' or '-'"
        )
    if at:
        return ImageReference(domain, path, digest=digest)
    return ImageReference(domain, path, tag=tag or DEFAULT_TAG)


def split_domain(name: str) -> tuple[str, str]:
    """The registry of a name or of a pattern of names, and the rest, both completed.

    What stands before the first '/' is a registry if it holds a '.', a ':' or a capital
    letter, or is `localhost`; else the name is one of Docker's own registry.
    """
    first, slash, rest = name.partition("/")
    if not slash:
        return DEFAULT_DOMAIN, OFFICIAL + name
    if first == LEGACY_DEFAULT_DOMAIN:
        first = DEFAULT_DOMAIN
    if first != "localhost" and not {".", ":"} & set(first) and first.lower() == first:
        return DEFAULT_DOMAIN, name
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = OFFICIAL + rest
    return first, rest


def _require_path(path: str) -> None:
    if _PATH.fullmatch(path):
        if len(path) > _MAXIMUM_PATH:
            raise MalformedReference(f"its path has more than {_MAXIMUM_PATH} characters")
        return
    if path.lower() != path and _PATH.fullmatch(path.lower()):
        name = path.removeprefix(OFFICIAL)
        raise MalformedReference(f"the name {_shown(name)} has capital letters")
    wrong = next((part for part in path.split("/") if not re.fullmatch(_PATH_PART, part)), path)
    if not wrong:
        raise MalformedReference("a part of its name is empty")
    raise MalformedReference(
        f"{_shown(wrong)} is no part of a name:"
        " a-z and 0-9 with one '.', one or two '_' or some '-' between them"
    )


def _shown(text: str) -> str:
    """In quotes, on one line, not too long."""
    return repr(text if len(text) <= 60 else f"{text[:59]}…")


def _require_digest(digest: str) -> None:
    algorithm, _, hexadecimal = digest.partition(":")
    if algorithm not in DIGESTS:
        raise MalformedReference(f"the digest {_shown(digest)} is none of {', '.join(DIGESTS)}")
    if len(hexadecimal) != DIGESTS[algorithm] or not _HEXADECIMAL.fullmatch(hexadecimal):
        raise MalformedReference(
            f"a digest of {algorithm} has {DIGESTS[algorithm]} digits of 0-9 and a-f"
        )
