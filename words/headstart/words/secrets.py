"""Which values are secret by their name, and how they are hidden wherever text leaves.

Pure. A value that a file states is shown as `[masked 1]`: the number is the same where the
value is, within one `Masks`, so that what differs still differs. A value that a host was
asked for is shown as `[secret NAME]`.
"""

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import quote, quote_plus

# Names of environment variables, build arguments, headers and members of JSON, in any case.
SECRET_NAMES = (
    "*PASSWORD*",
    "*PASSWD*",
    "*PASSPHRASE*",
    "*PWD*",
    "*SECRET*",
    "*TOKEN*",
    "*KEY*",
    "*CREDENTIAL*",
    "ConnectionStrings__*",
    "*CONNECTION_STRING*",
    "*CONNECTIONSTRING*",
    "Authorization",
    "Proxy-Authorization",
    "Cookie",
    "Set-Cookie",
    "X-Api-Key",
)
# Folders and the public key of an image's packages.
_HARMLESS = frozenset({"pwd", "oldpwd", "gpg_key"})
_FOLDED = tuple(pattern.casefold() for pattern in SECRET_NAMES)
# A shorter value may stand in a text by chance, and is not looked for there.
SHORTEST_SOUGHT = 6
# Neither a host's: where a shorter one is referred to, nothing runs.
SHORTEST_SECRET = 4
# What is left of a value where a text was cut, beside an end of it.
_SHORTEST_PART = 4
_LONGEST_PART = 4096

_HIDDEN = r"(?!\[(?:masked|secret) )"
_WORDS = (
    r"(?:password|passwd|pwd|passphrase|secret|token|api[-_ ]?key|account[-_ ]?key"
    r"|access[-_ ]?key|client[-_ ]?secret|private[-_ ]?key|signature)"
)
# Each has the value in one of its groups, and takes time that grows with the text alone.
_IN_TEXT = (
    # scheme://user:password@host; with the scheme it would take the square of the text's size.
    re.compile(rf"://[^\s/@:'\"]*:{_HIDDEN}(?P<value>[^\s/'\"]+)@"),
    # Password=... of connection strings, forms and queries.
    re.compile(
        rf"{_WORDS}\s*=\s*{_HIDDEN}(?:\"(?P<value>[^\"\n]+)\"|'(?P<quoted>[^'\n]+)'"
        r"|(?P<bare>[^;&\s\"']+))",
        re.IGNORECASE,
    ),
    # "password": "..."
    re.compile(
        rf"\"[^\"\n]{{0,64}}{_WORDS}[^\"\n]{{0,64}}\"\s*:\s*\"{_HIDDEN}"
        r"(?P<value>(?:[^\"\\]|\\.)+)\"",
        re.IGNORECASE,
    ),
)
_SCHEME = re.compile(r"(?:Basic|Bearer|Digest|Token|ApiKey)\s+(?P<value>\S.*)", re.IGNORECASE)
_LAST_WORDS = ("output '", 'output "')
_SHORTEST_LINE = 16


def is_secret_name(name: str) -> bool:
    """Whether the value under this name is not for everybody's eyes."""
    folded = name.casefold()
    return folded not in _HARMLESS and any(fnmatchcase(folded, each) for each in _FOLDED)


class Masks:
    """Values to hide and what stands in their place; grows as it sees them."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        # By each form in which a value may be written; those that are looked for in texts.
        self._sought: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None

    def __bool__(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._sought)

    def add(self, name: str, value: str) -> None:
        """Hide what of the value of this name is secret: all of it, or parts such as a password."""
        if is_secret_name(name) and value:
            shown = self._masked(value)
            for part in (value, *_within(name, value)):
                if len(part) >= SHORTEST_SOUGHT:
                    self._seek(part, shown)
        else:
            for part in _passwords(value):
                shown = self._masked(part)
                if len(part) >= SHORTEST_SOUGHT:
                    self._seek(part, shown)

    def add_secret(self, reference: str, name: str, value: str) -> None:
        """Hide a value of this name that the host was asked for under this reference."""
        for part in (value, *_within(name, value)):
            if len(part) >= SHORTEST_SECRET:
                self._seek(part, f"[secret {reference}]")

    def value(self, name: str, value: str) -> str:
        """The value as it may be shown under its name."""
        if not is_secret_name(name) or not value or _is_hidden(value):
            return self.stated(value)
        found = self.known(value)
        return found if _is_hidden(found) or "[secret " in found else self._masked(value)

    def stated(self, text: str) -> str:
        """A text that a file states: known values and what a text itself calls a password."""
        text = self.known(text)
        for pattern in _IN_TEXT:
            text = pattern.sub(self._replaced, text)
        return text

    def known(self, text: str) -> str:
        """A text of anybody's with known values replaced."""
        if not self._sought or not text:
            return text
        if self._pattern is None:
            forms = sorted(self._sought, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, forms)))
        return self._pattern.sub(lambda found: self._sought[found[0]], text)

    def output(self, text: str) -> str:
        """What a program wrote: known values replaced, also where the text was cut within one."""
        text = self.known(text)
        for form, shown in self._sought.items() if text else ():
            text = _without_parts(text, form, shown)
        return text

    def data(self, data: bytes) -> bytes:
        """The same for bytes; what is not UTF-8 stays as it is."""
        text = data.decode("utf-8", "surrogateescape")
        found = self.output(text)
        return data if found == text else found.encode("utf-8", "surrogateescape")

    def _masked(self, value: str) -> str:
        return self._shown.setdefault(value, f"[masked {len(self._shown) + 1}]")

    def _seek(self, value: str, shown: str) -> None:
        for form in _forms(value):
            self._sought.setdefault(form, shown)
        self._pattern = None

    def _replaced(self, found: re.Match[str]) -> str:
        group = next(name for name, value in found.groupdict().items() if value is not None)
        begin, end = found.span(group)
        whole, offset = found[0], found.start()
        hidden = self._sought.get(found[group]) or self._masked(found[group])
        return whole[: begin - offset] + hidden + whole[end - offset :]


def _without_parts(text: str, form: str, shown: str) -> str:
    """The text without beginnings and ends of a value where it was cut."""
    for size in range(min(len(form) - 1, _LONGEST_PART), _SHORTEST_PART - 1, -1):
        first, last = form[:size], form[-size:]
        if text.startswith(last):
            text = shown + text[size:]
        if text.endswith(first):
            text = text[:-size] + shown
        if "…" in text:
            text = text.replace(f"{first}…", f"{shown}…")
        # As check_runner quotes a command's last words.
        for mark in _LAST_WORDS:
            if mark in text:
                text = text.replace(mark + last, mark + shown)
    return text


def _is_hidden(text: str) -> bool:
    return re.fullmatch(r"\[(?:masked \d+|secret [^\]]+)\]", text) is not None


def _passwords(value: str) -> Iterator[str]:
    """What a value itself calls a password."""
    for pattern in _IN_TEXT:
        for found in pattern.finditer(value):
            yield next(each for each in found.groupdict().values() if each is not None)


def _within(name: str, value: str) -> Iterator[str]:
    """What within a secret value an app may write by itself."""
    yield from _passwords(value)
    if found := _SCHEME.fullmatch(value):
        yield found["value"]
    if name.casefold() in ("cookie", "set-cookie"):
        yield from (each.partition("=")[2].strip() for each in value.split(";"))
    if "\n" in value:
        # A key in PEM: an app may write it line by line.
        lines = (line.strip() for line in value.splitlines())
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE)


def _forms(value: str) -> set[str]:
    """As programs write a value: as it is, within JSON, Python, a URL or HTML."""
    return {
        value,
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        repr(value)[1:-1],
        quote(value, safe=""),
        quote(value),
        quote_plus(value),
        html.escape(value),
    }


def holds_mask(text: str) -> bool:
    """Whether a text came from where values are masked."""
    return re.search(r"\[masked \d+\]", text) is not None


def without_values(text: str) -> str:
    """A text that a file states without what it calls a password; the same for every value."""
    return re.sub(r"\[masked \d+\]", "[masked]", Masks().stated(text))


def named_values(experiment: Any) -> Iterator[tuple[str, str]]:
    """Each value of an `Experiment` that has a name of its author's: variables, arguments, headers.

    Any object with its fields will do.
    """
    for variant in experiment.variants:
        yield from variant.environment.items()
        if variant.HasField("build"):
            yield from variant.build.arguments.items()
    for check in http_checks(experiment):
        for header in (*check.request.headers, *check.headers):
            if header.value:
                yield header.name, header.value
        yield "", check.request.target
        yield "", check.request.body.decode("utf-8", "replace")
        yield "", check.json_subset


def references_in(experiment: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each `SecretReference` of an `Experiment` with its place in the file; that ends in a name."""
    for variant in experiment.variants:
        for name in sorted(variant.secret_environment):
            yield ("variants", variant.name, "env", name), variant.secret_environment[name]
    for path, check in _placed_checks(experiment):
        for header in check.request.headers:
            if header.HasField("secret"):
                yield (*path, "headers", header.name), header.secret


def referred_to(experiment: Any) -> set[str]:
    """The variables and files that an `Experiment` refers to; files begin with '/'."""
    return {each.file or each.variable for _, each in references_in(experiment)}


def fits_pattern(pattern: str, reference: str) -> bool:
    """Whether a policy's pattern allows this variable, or this file where it begins with '/'.

    `*` is any text within a name; in a path it ends at a '/'.
    """
    patterns, parts = pattern.split("/"), reference.split("/")
    return len(patterns) == len(parts) and all(
        part not in ("..", ".") and fnmatchcase(part, each)
        for each, part in zip(patterns, parts, strict=True)
    )


def http_checks(experiment: Any) -> Iterator[Any]:
    """Every request of an `Experiment`, with what is expected of its answer."""
    for _, check in _placed_checks(experiment):
        yield check


def _placed_checks(experiment: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    service = experiment.service
    checks: list[tuple[tuple[str | int, ...], Any]] = [(("service", "ready"), service.ready)]
    checks += [(("service", "checks", n), check) for n, check in enumerate(service.checks)]
    checks.append((("service", "first_data"), service.first_data))
    for path, check in checks:
        if check.HasField("http"):
            yield path, check.http
    for number, request in enumerate(experiment.load.requests):
        yield ("load", "requests", number), request.check


def masks_of(values: Iterable[tuple[str, str]]) -> Masks:
    """Masks of what is secret among named values."""
    masks = Masks()
    for name, value in values:
        masks.add(name, value)
    return masks


def masked_mapping(values: Mapping[str, str], masks: Masks) -> dict[str, str]:
    """The same names, with values as they may be shown."""
    return {name: masks.value(name, value) for name, value in values.items()}
