"""The kinds of value that a configuration has: how each is read from TOML and written to it."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

SEVERITIES = ("critical", "warning", "info")

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WORDS = {"d": "day", "h": "hour", "m": "minute", "s": "second"}
_DURATION = re.compile(r"([1-9]\d{0,7})([dhms])", re.ASCII)
_LONGEST_SECONDS = 366 * 86_400

_UNITS = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SIZE = re.compile(r"([1-9]\d{0,11})\s?(KiB|MiB|GiB|B|)", re.ASCII)
_LARGEST_BYTES = 1 << 50

_LABEL = "[a-zA-Z_][a-zA-Z0-9_]*"
_STRING = r'"(?:[^"\\\n]|\\[^\n])*"'
_MATCHER = rf"{_LABEL}\s*(?:=~|!~|!=|=)\s*{_STRING}"
_MATCHERS = re.compile(rf"\s*(?:{_MATCHER}\s*(?:,\s*{_MATCHER}\s*)*,?)?\s*", re.ASCII)
_URL = re.compile(r"https?://[^\s/?#@\"'`<>]+(?:/[^\s?#\"'`<>]*)?", re.ASCII)
_TARGET = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):\d{1,5}", re.ASCII)
_LONGEST_TEXT = 2_000
_MOST_TARGETS = 1_000
_MOST_LABELS = 50
_OWN_LABELS = ("alertname", "severity", "about")


@dataclass(frozen=True, order=True)
class Duration:
    """A length of time in whole seconds; as text in Prometheus's notation, such as 5m."""

    seconds: int

    def __str__(self) -> str:
        count, unit = self._largest()
        return f"{count}{unit}"

    @property
    def words(self) -> str:
        """For prose: "10 minutes"."""
        count, unit = self._largest()
        return f"{count} {_WORDS[unit]}{'s' if count != 1 else ''}"

    def _largest(self) -> tuple[int, str]:
        unit = next(u for u, seconds in _SECONDS.items() if self.seconds % seconds == 0)
        return self.seconds // _SECONDS[unit], unit


@dataclass(frozen=True)
class Kind:
    """What a key takes: in words, read from TOML (None: wrong), and as TOML."""

    expected: str
    read: Callable[[object], object]
    written: Callable[[Any], str]


def _duration(value: object) -> Duration | None:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    return Duration(seconds) if 0 < seconds <= _LONGEST_SECONDS else None


def _size(value: object) -> int | None:
    match = _SIZE.fullmatch(str(value)) if isinstance(value, (int, str)) else None
    size = int(match[1]) * _UNITS[match[2]] if match else 0
    return size if 0 < size <= _LARGEST_BYTES else None


def _size_written(size: int) -> str:
    unit = next(u for u in ("GiB", "MiB", "KiB", "B") if size % _UNITS[u] == 0)
    return _text_written(f"{size // _UNITS[unit]}{unit}")


def _share(value: object) -> float | None:
    number = value if isinstance(value, float) else 0.0
    return number if 0 < number < 1 else None


def _count(value: object) -> int | None:
    number = value if isinstance(value, int) and not isinstance(value, bool) else 0
    return number if 0 < number <= 1_000_000_000 else None


def _matchers(value: object) -> str | None:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        return None
    return value.strip().rstrip(",").rstrip() if _MATCHERS.fullmatch(value) else None


def is_url(text: str) -> bool:
    """Whether it is the address of a web server: http or https, without user, query or mark."""
    return len(text) <= _LONGEST_TEXT and _URL.fullmatch(text) is not None


def _url(value: object) -> str | None:
    fine = isinstance(value, str) and (not value or is_url(value))
    return str(value).rstrip("/") if fine else None


def _folder(value: object) -> str | None:
    fine = isinstance(value, str) and re.fullmatch(r"[\w./-]+", value, re.ASCII)
    return str(value).rstrip("/") if fine else _url(value) or None


def _labels(value: object) -> Mapping[str, str] | None:
    if not isinstance(value, dict) or len(value) > _MOST_LABELS:
        return None
    fine = all(
        re.fullmatch(_LABEL, name, re.ASCII)
        and not name.startswith("__")
        and name not in _OWN_LABELS
        and isinstance(text, str)
        and len(text) <= _LONGEST_TEXT
        for name, text in value.items()
    )
    return dict(value) if fine else None


def _severities(value: object) -> Mapping[str, str] | None:
    if not isinstance(value, dict) or not all(word in SEVERITIES for word in value.values()):
        return None
    return dict(value)


def _name(value: object) -> str | None:
    fine = isinstance(value, str) and re.fullmatch(r"[\w./:-]{1,200}", value, re.ASCII)
    return str(value) if fine else None


def _names(value: object) -> tuple[str, ...] | None:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return None
    return tuple(value)


def _targets(value: object) -> tuple[str, ...] | None:
    names = _names(value)
    if not names or len(names) > _MOST_TARGETS:
        return None
    return names if all(_TARGET.fullmatch(name) for name in names) else None


def _title(value: object) -> str | None:
    fine = isinstance(value, str) and 0 < len(value.strip()) <= 200 and value.isprintable()
    return str(value).strip() if fine else None


def _absolute(value: object) -> str | None:
    fine = isinstance(value, str) and re.fullmatch(r"/[^\0\n]*", value)
    return str(value).rstrip("/") or "/" if fine else None


def _text_written(text: object) -> str:
    # A literal string needs no escapes, which matchers have quotes for.
    string = str(text)
    return f"'{string}'" if '"' in string and "'" not in string else json.dumps(string)


def _table_written(table: Mapping[str, str]) -> str:
    pairs = ", ".join(f"{name} = {_text_written(value)}" for name, value in table.items())
    return f"{{ {pairs} }}" if pairs else "{}"


DURATION = Kind('a time such as "90s", "5m", "12h", "7d"', _duration, _text_written)
SIZE = Kind('a size such as "64MiB"', _size, _size_written)
SHARE = Kind("a number between 0 and 1, such as 0.3", _share, str)
COUNT = Kind("a whole number from 1 up", _count, str)
MATCHERS = Kind(
    "label matchers of PromQL in a text, such as 'job=\"headstart\"'", _matchers, _text_written
)
URL = Kind('an address such as "https://grafana.example"', _url, _text_written)
FOLDER = Kind(
    'an address such as "https://wiki.example/runbooks", or a path', _folder, _text_written
)
LABELS = Kind(
    f'a table of texts by label, such as {{ team = "runtime" }}, without {", ".join(_OWN_LABELS)}',
    _labels,
    _table_written,
)
SEVERITY_TABLE = Kind(
    f"a table of severities ({', '.join(SEVERITIES)}) by alert, such as "
    '{ HeadstartHostUnfit = "info" }',
    _severities,
    _table_written,
)
TARGETS = Kind(
    'a list of addresses such as ["127.0.0.1:9470"]',
    _targets,
    lambda targets: json.dumps(list(targets)),
)
TITLE = Kind("a name of up to 200 characters", _title, _text_written)
ABSOLUTE = Kind('an absolute path such as "/etc/grafana/provisioning"', _absolute, _text_written)
NAME = Kind('a name such as "headstart"', _name, _text_written)
NAMES = Kind(
    'a list of alerts such as ["HeadstartHostUnfit"]',
    _names,
    lambda names: json.dumps(list(names)),
)
