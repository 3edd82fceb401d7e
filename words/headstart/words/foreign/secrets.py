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

from headstart.words.containers import containers_of
from headstart.words.readiness import placed_checks, requests_of

# Names of environment variables, build arguments, headers, members of JSON and options, in any
# case. What ends in a letter after a '*' fits the end of each word of a name; words end at '_',
# '-', '.' and where the case changes.
SECRET_NAMES = (
    "*PASSWORD*",
    "*PASSWD*",
    "*PASSPHRASE*",
    "*PWD*",
    "*SECRET*",
    "*TOKEN",
    "*TOKENS",
    "*KEY",
    "*KEYS",
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
# Folders, what is public, columns of tables; as whole names.
HARMLESS_NAMES = (
    "PWD",
    "OLDPWD",
    "GPG_KEY",
    "PUBLIC_KEY",
    "PRIMARY_KEY",
    "FOREIGN_KEY",
    "PARTITION_KEY",
    "SORT_KEY",
)
# Words that end as secrets do.
HARMLESS_WORDS = ("MONKEY", "DONKEY", "TURKEY", "HOCKEY", "JOCKEY", "WHISKEY", "HOTKEY", "HOTKEYS")
_HARMLESS = frozenset(name.casefold() for name in HARMLESS_NAMES)
_HARMLESS_WORDS = frozenset(word.casefold() for word in HARMLESS_WORDS)
_ENDS_OF_WORDS = tuple(
    pattern[1:].casefold() for pattern in SECRET_NAMES if pattern[0] == "*" != pattern[-1]
)
_FOLDED = tuple(
    pattern.casefold() for pattern in SECRET_NAMES if pattern[0] != "*" or pattern[-1] == "*"
)
_BETWEEN_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
# A shorter value may stand in a text by chance, and is not looked for there.
SHORTEST_SOUGHT = 6
# Neither a host's: where a shorter one is referred to, nothing runs.
SHORTEST_SECRET = 4
# Nor what is said everywhere: a plain word, an address without anybody's name in it.
_COMMON = re.compile(r"[a-z]{1,10}|[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s@?]*")
# What is left of a value where a text was cut, beside an end of it.
_SHORTEST_PART = 8
_LONGEST_PART = 4096
# Of a text that is full of them.
_MOST_MARKS = 64

_HIDDEN = r"(?!\[(?:masked|secret) )"
_WORDS = (
    r"(?:password|passwd|pwd|passphrase|secret|token(?!i[sz])|api[-_ ]?key|account[-_ ]?key"
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
    # CREATE USER ... PASSWORD '...', or IDENTIFIED BY '...', of SQL.
    re.compile(
        rf"\b(?:password|identified\b[^'\n]{{0,80}}\bby)\s+'{_HIDDEN}(?P<value>[^'\n]+)'",
        re.IGNORECASE,
    ),
    # --password ... within a line of a shell.
    re.compile(rf"--[\w.-]{{0,40}}{_WORDS}\s+(?!--){_HIDDEN}(?P<value>[^\s\"']+)", re.IGNORECASE),
)
# --name=value, -Dname=value, name=value, or --name alone, whose value follows.
_ARGUMENT = re.compile(
    r"(?P<dashes>-?-?)(?:(?<=-)D)?(?P<name>[A-Za-z][\w.:-]*)(?P<sign>=?)(?P<value>.*)", re.DOTALL
)
_FILES = ("file", "path", "dir")
_SCHEME = re.compile(r"(?:Basic|Bearer|Digest|Token|ApiKey)\s+(?P<value>\S.*)", re.IGNORECASE)
_LAST_WORDS = ("output '", 'output "')
_SHORTEST_LINE = 16


def is_secret_name(name: str) -> bool:
    """Whether the value under this name is not for everybody's eyes."""
    folded = name.casefold()
    words = [word.casefold() for word in _BETWEEN_WORDS.split(name) if word]
    if "_".join(words) in _HARMLESS:
        return False
    return any(
        word.endswith(_ENDS_OF_WORDS) for word in words if word not in _HARMLESS_WORDS
    ) or any(fnmatchcase(folded, each) for each in _FOLDED)


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
                if _is_sought(part):
                    self._seek(part, shown)
        else:
            for part in _passwords(value):
                shown = self._masked(part)
                if _is_sought(part):
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

    def words(self, words: Iterable[str]) -> list[str]:
        """The words of a command as they may be shown."""
        return [begin + self.value(name, value) for begin, name, value in argument_values(words)]

    def known(self, text: str) -> str:
        """A text of anybody's with known values replaced."""
        if not self._sought or not text:
            return text
        if self._pattern is None:
            forms = sorted(self._sought, key=len, reverse=True)
            self._pattern = re.compile(_alternatives(forms))
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


def _alternatives(forms: list[str], depth: int = SHORTEST_SECRET) -> str:
    """A pattern of any of the texts, the first before the next, that tells many apart fast."""
    if depth == 0 or len(forms) == 1:
        return "|".join(map(re.escape, forms))
    begun: dict[str, list[str]] = {}
    for form in forms:
        begun.setdefault(form[0], []).append(form[1:])
    return "|".join(
        f"{re.escape(first)}(?:{_alternatives(rest, depth - 1)})" for first, rest in begun.items()
    )


def _is_sought(value: str) -> bool:
    """Whether a value of the file is looked for beyond its name."""
    return len(value) >= SHORTEST_SOUGHT and _COMMON.fullmatch(value) is None


def _without_parts(text: str, form: str, shown: str) -> str:
    """The text without beginnings and ends of a value where it was cut."""
    if len(form) <= _SHORTEST_PART:
        return text
    if size := _end_of(form, text, 0):
        text = shown + text[size:]
    if size := _beginning_of(form, text, len(text)):
        text = text[:-size] + shown
    at = text.find("…")
    for _ in range(_MOST_MARKS):
        if at < 0:
            break
        if size := _beginning_of(form, text, at):
            text = text[: at - size] + shown + text[at:]
            at += len(shown) - size
        at = text.find("…", at + 1)
    # As check_runner quotes a command's last words.
    for mark in _LAST_WORDS:
        at = text.find(mark)
        for _ in range(_MOST_MARKS):
            if at < 0:
                break
            at += len(mark)
            if size := _end_of(form, text, at):
                text = text[:at] + shown + text[at + size :]
            at = text.find(mark, at)
    return text


def _end_of(form: str, text: str, at: int) -> int:
    """How much of the text from there is an end of the form, less than all of it."""
    begins = text[at : at + _SHORTEST_PART]
    if len(begins) < _SHORTEST_PART:
        return 0
    found = form.find(begins, max(1, len(form) - _LONGEST_PART))
    while found >= 0:
        if text.startswith(form[found:], at):
            return len(form) - found
        found = form.find(begins, found + 1)
    return 0


def _beginning_of(form: str, text: str, at: int) -> int:
    """How much of the text up to there is a beginning of the form, less than all of it."""
    ends = text[max(0, at - _SHORTEST_PART) : at]
    if len(ends) < _SHORTEST_PART:
        return 0
    found = form.rfind(ends, 0, min(len(form) - 1, _LONGEST_PART))
    while found >= 0:
        size = found + _SHORTEST_PART
        if text.endswith(form[:size], 0, at):
            return size
        found = form.rfind(ends, 0, size - 1)
    return 0


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


def shown_words(words: Iterable[str]) -> list[str]:
    """The words of a command without what is secret; the same for every value."""
    return [re.sub(r"\[masked \d+\]", "[masked]", word) for word in Masks().words(words)]


def argument_values(words: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Of each word of a command what comes before a value, the value's name, and the value.

    The name is empty, and the value the word, where no option or setting of a secret name has it.
    """
    follows = ""
    for word in words:
        if follows and not word.startswith("--"):
            yield "", follows, word
            follows = ""
            continue
        follows = ""
        found = _ARGUMENT.fullmatch(word)
        name = found["name"] if found else ""
        if not found or name.casefold().endswith(_FILES) or not is_secret_name(name):
            yield "", "", word
        elif found["sign"]:
            yield word[: found.start("value")], name, found["value"]
        else:
            yield "", "", word
            if found["dashes"] and not found["value"]:
                follows = name


def commands_of(experiment: Any) -> Iterator[Any]:
    """The words of each command of an `Experiment`: of containers, checks and jobs."""
    for placed in containers_of(experiment):
        if placed.container.HasField("command"):
            yield placed.container.command.argv
        yield placed.container.entrypoint
        yield placed.container.arguments
    for companion in experiment.beside:
        # What is written to one that is not there would make it be there.
        if companion.ready.HasField("command"):
            yield companion.ready.command.argv
        if companion.HasField("seed"):
            yield companion.seed.argv
    for _, check in placed_checks(experiment.service):
        if check.HasField("command"):
            yield check.command.argv
    for job in experiment.jobs:
        yield job.command.argv


def named_values(experiment: Any) -> Iterator[tuple[str, str]]:
    """Each value of an `Experiment` that may be secret: variables, arguments, headers, words.

    Any object with its fields will do.
    """
    for placed in containers_of(experiment):
        yield from placed.container.environment.items()
        if placed.container.HasField("build"):
            yield from placed.container.build.arguments.items()
    for companion in experiment.beside:
        yield "", companion.seed.input.decode("utf-8", "replace")
    for check in http_checks(experiment):
        for header in (*check.request.headers, *check.headers):
            if header.value:
                yield header.name, header.value
        yield "", check.request.target
        yield "", check.request.body.decode("utf-8", "replace")
        yield "", check.json_subset
    for words in commands_of(experiment):
        for _, name, value in argument_values(words):
            yield name, value


def references_in(experiment: Any) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Each `SecretReference` of an `Experiment` with its place in the file; that ends in a name."""
    for placed in containers_of(experiment):
        references = placed.container.secret_environment
        for name in sorted(references):
            yield (*placed.path, "env", name), references[name]
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
    yield from requests_of(experiment.service)
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
