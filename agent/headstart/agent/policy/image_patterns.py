"""Patterns of a policy's `images`, and whether one fits an image.

    players:*                every tag of players, in Docker's own registry or built here
    registry.example/team/*  everything below it, in that registry alone
    sha256:9f86d081…         one image, by its id or the digest of its manifest
    *                        every image

`*`, `?` and `[...]` are a shell's, and `*` fits '/' too; docs/POLICY.md says all of it.
"""

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import product

from headstart.words.foreign.image_reference import (
    DEFAULT_DOMAIN,
    DEFAULT_TAG,
    DIGESTS,
    LEGACY_DEFAULT_DOMAIN,
    MAXIMUM_REFERENCE,
    OFFICIAL,
    ImageReference,
    MalformedReference,
    parse_image,
    split_domain,
)

EVERYTHING = "*"
_WILDCARD = re.compile(r"\*+|\?|\[!?\]?[^\]]*\]")
_IPV6 = re.compile(r"\[[a-fA-F0-9:]+\](?::[0-9]+)?/")
_IDENTIFIER = re.compile(r"(?P<algorithm>sha\d+):(?P<digits>.*)|[a-f0-9]{64}", re.DOTALL)
# What a wildcard may stand for, when a pattern is tried for whether anything can fit it.
_TRIED = ("a", "", "0", "a/a", "a:a", f"sha256:{'0' * 64}", f"a@sha256:{'0' * 64}")
_MOST_TRIED = 4


@dataclass(frozen=True)
class ImagePattern:
    """One pattern, read by `read_pattern`."""

    # Empty: `rest` fits ids and digests.
    domain: str
    rest: str
    # It spells its registry out: what it fits may come from there, and from nowhere else.
    names_registry: bool = False

    def fits(self, image: ImageReference) -> bool:
        """Whether the pattern fits a name, an id or a digest that an image has."""
        if self.domain == self.rest == EVERYTHING:
            return True
        if not self.domain:
            return bool(image.digest) and fnmatchcase(image.digest, self.rest)
        if not image.path or not self._fits_domain(image.domain):
            return False
        return any(fnmatchcase(form, self.rest) for form in _forms(image))

    def _fits_domain(self, domain: str) -> bool:
        return domain == self.domain or (
            not self.domain.startswith("[") and fnmatchcase(domain, self.domain)
        )


def read_pattern(text: str) -> ImagePattern:
    """The pattern that a text means. MalformedReference when it can never fit an image."""
    if text == EVERYTHING:
        return ImagePattern(EVERYTHING, EVERYTHING)
    if len(text) > MAXIMUM_REFERENCE:
        raise MalformedReference(f"more than {MAXIMUM_REFERENCE} characters")
    if found := _IDENTIFIER.fullmatch(text):
        if found["algorithm"] is None:
            return ImagePattern("", f"sha256:{text}")
        if _is_identifier(found["algorithm"], found["digits"]):
            return ImagePattern("", text)
    _require_fitting(text)
    name, at, digest = text.partition("@")
    domain, rest = split_domain(name)
    if at:
        # As Docker does with a reference that has both.
        rest = f"{rest.partition(':')[0]}@{digest}"
    return ImagePattern(domain, rest, _spells_out(name, domain))


def _spells_out(name: str, domain: str) -> bool:
    """Whether a name begins with its registry; a wildcard in it, or Docker's unsaid, names none."""
    if not name.startswith((f"{domain}/", f"{LEGACY_DEFAULT_DOMAIN}/")):
        return False
    return _IPV6.match(name) is not None or _WILDCARD.search(domain) is None


def _is_identifier(algorithm: str, digits: str) -> bool:
    """sha256:* is every id; sha256:v1 is a tag of an image with an odd name."""
    plain = _WILDCARD.sub("", digits)
    if algorithm not in DIGESTS or not re.fullmatch("[a-fA-F0-9]*", plain):
        return False
    if plain.lower() != plain:
        raise MalformedReference("the digits of an id are 0-9 and a-f, in lower case")
    if plain == digits and len(digits) != DIGESTS[algorithm]:
        raise MalformedReference(
            f"an id of {algorithm} has {DIGESTS[algorithm]} digits, this has {len(digits)};"
            " a '*' at its end fits the rest"
        )
    return True


def _forms(image: ImageReference) -> list[str]:
    """Path with tag or digest, as it is and as people write it; `latest` may be left out."""
    paths = [image.path]
    if image.domain == DEFAULT_DOMAIN:
        paths.append(image.path.removeprefix(OFFICIAL))
    if image.digest:
        return [f"{path}@{image.digest}" for path in paths]
    forms = [f"{path}:{image.tag}" for path in paths]
    return forms + paths if image.tag == DEFAULT_TAG else forms


def _require_fitting(text: str) -> None:
    """A wildcard is tried as a few texts; where none makes a reference, nothing can fit."""
    literal = _IPV6.match(text)
    head = literal[0] if literal else ""
    pieces = _WILDCARD.split(text[len(head) :])
    wildcards = _WILDCARD.findall(text[len(head) :])
    if len(wildcards) > _MOST_TRIED:
        return
    first: MalformedReference | None = None
    for chosen in product(*(_meanings(wildcard) for wildcard in wildcards)):
        filled = "".join(a + b for a, b in zip(pieces, [*chosen, ""], strict=True))
        try:
            parse_image(head + filled)
        except MalformedReference as error:
            first = first or error
        else:
            return
    assert first is not None  # noqa: S101  # the product has at least one member
    raise first


def _meanings(wildcard: str) -> tuple[str, ...]:
    if wildcard.startswith("*"):
        return _TRIED
    if wildcard == "?":
        return ("a", "0", ".", "-", "_", "/", ":", "@")
    fitting = (chr(code) for code in range(33, 127) if fnmatchcase(chr(code), wildcard))
    return tuple(fitting) or ("\0",)
