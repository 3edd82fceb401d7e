"""Reads a configuration from a TOML file, and writes one with every key and its meaning."""

import difflib
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from headstart.dashboards.alerts import alerts
from headstart.dashboards.configuration import Configuration, Duration
from headstart.words.foreign.text_files import NotUtf8, decoded
from headstart.words.foreign.toml_lines import key_lines, line_of

_LARGEST_BYTES = 256 << 10
_WIDTH = 98
_RAREST = Duration(120)

_Path = tuple[str, ...]


class ConfigurationError(Exception):
    """A file that cannot be used; `problems` has every mistake with its line."""

    def __init__(self, path: Path, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n  ".join([f"{path} is no configuration of dashboards and alerts:", *self.problems])
        )


def read_configuration(path: Path) -> Configuration:
    """What the file says, and the defaults of what it does not. Raises ConfigurationError."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_BYTES + 1)
        if len(content) > _LARGEST_BYTES:
            raise ConfigurationError(path, [f"it has more than {_LARGEST_BYTES} bytes"])
        text = decoded(content)
        table = tomllib.loads(text)
    except OSError as error:
        raise ConfigurationError(path, [f"it cannot be read: {error.strerror}"]) from error
    except NotUtf8 as error:
        raise ConfigurationError(path, [f"line {error.line}: {error}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(path, [f"not TOML: {error}"]) from error
    except RecursionError as error:
        raise ConfigurationError(path, ["nested too deep"]) from error
    reader = _Reader()
    configuration = reader.configuration(table)
    lines = key_lines(text)
    problems = [*reader.problems, *_at_odds(configuration), *_unknown_alerts(configuration)]
    if problems:
        found = sorted((line_of(at, lines), ".".join(at), wrong) for at, wrong in problems)
        raise ConfigurationError(path, (f"line {n}: {key}: {wrong}" for n, key, wrong in found))
    return configuration


def default_file() -> str:
    """A configuration file that changes nothing: each key with its meaning and its default."""
    parts = [
        "# Dashboards and alerts of Headstart: what `--config FILE` of `headstart dashboards` and",
        "# `headstart rules` takes. Each key is here with its default; leave out what you keep.",
    ]
    default = Configuration()
    for section in fields(Configuration):
        values = getattr(default, section.name)
        parts += [
            "",
            *_comment(type(values).__doc__ or ""),
            f"[{section.name}]",
        ]
        for key in fields(values):
            written = key.metadata["kind"].written(getattr(values, key.name))
            parts += [*_comment(key.metadata["meaning"]), f"{key.name} = {written}"]
    return "\n".join(parts) + "\n"


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()), _WIDTH, initial_indent="# ", subsequent_indent="# "
    )


class _Reader:
    """Tables into sections; what is wrong is kept, with the path of its key."""

    def __init__(self) -> None:
        self.problems: list[tuple[_Path, str]] = []

    def configuration(self, table: Mapping[str, Any]) -> Configuration:
        default = Configuration()
        known = self._known((), table, fields(Configuration), "section")
        sections = {}
        for name, given in known.items():
            section = type(getattr(default, name))
            if isinstance(given, dict):
                sections[name] = section(**self._values(name, given, fields(section)))
            else:
                self.problems.append(((name,), f"expected a table: [{name}]"))
        return Configuration(**sections)

    def _values(
        self, section: str, table: Mapping[str, Any], keys: Iterable[Field[Any]]
    ) -> dict[str, Any]:
        keys = tuple(keys)
        kinds = {key.name: key.metadata["kind"] for key in keys}
        values = {}
        for name, given in self._known((section,), table, keys, "key").items():
            read = kinds[name].read(given)
            if read is None:
                wrong = f"expected {kinds[name].expected}, not {_shown(given)}"
                self.problems.append(((section, name), wrong))
            else:
                values[name] = read
        return values

    def _known(
        self, at: _Path, table: Mapping[str, Any], keys: Iterable[Field[Any]], what: str
    ) -> Mapping[str, Any]:
        names = [key.name for key in keys]
        for name in table.keys() - set(names):
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}"
            self.problems.append(((*at, name), f"unknown {what}; {hint}"))
        return {name: given for name, given in table.items() if name in names}


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _at_odds(configuration: Configuration) -> Iterator[tuple[_Path, str]]:
    """Values that do not go together."""
    limits, interval = configuration.thresholds, configuration.scrape.interval
    if interval > _RAREST:
        wrong = (
            f"{interval} is more than {_RAREST}: Prometheus forgets a series after 5m, so that one "
            "scrape that fails would make every alert let go"
        )
        yield ("scrape", "interval"), wrong
    fewest = Duration(4 * interval.seconds)
    for name, value in vars(limits).items():
        if name.endswith("_within") and value < fewest:
            wrong = f"{value} is less than four scrapes ({fewest}): too few to see a change in"
            yield ("thresholds", name), wrong
    if limits.stale_after >= limits.regular_within:
        wrong = (
            f"{limits.stale_after} is not less than regular_within ({limits.regular_within}): "
            "nothing would ever be stale"
        )
        yield ("thresholds", "stale_after"), wrong


def _unknown_alerts(configuration: Configuration) -> Iterator[tuple[_Path, str]]:
    known = [alert.name for alert in alerts(Configuration())]
    settings = configuration.alerts
    for key, names in (("severities", settings.severities), ("off", settings.off)):
        for name in names:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                yield ("alerts", key), f"there is no alert {name!r}{hint}"
