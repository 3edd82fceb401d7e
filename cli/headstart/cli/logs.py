"""How a command logs: one line for each record, as text or as JSON, foreign words cleaned."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from headstart.words.foreign import clean
from headstart.words.log_fields import RESERVED, Field, fields_of

_KEY = "headstart.logs"
_LEVELS = ("debug", "info", "warning", "error")
# Before each line of a traceback, so that none looks like a record.
_CONTINUED = "  | "


class OneLine(logging.Formatter):
    """Cleans what was logged; host names, addresses and faults come from others."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line with its fields, a traceback indented below it."""
        # A copy: other handlers get the record as it was.
        plain = logging.makeLogRecord(record.__dict__)
        plain.msg, plain.args = clean.line(record.getMessage() + _as_text(fields_of(record))), ()
        plain.exc_info = plain.exc_text = plain.stack_info = None
        found = [super().format(plain)]
        found += [f"{_CONTINUED}{line}" for line in _traceback(self, record)]
        return "\n".join(found)


class JsonLine(logging.Formatter):
    """Each record as an object; its values are clean too, for whoever prints one of them."""

    def format(self, record: logging.LogRecord) -> str:
        """The record in one line."""
        found: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": clean.line(record.getMessage()),
        }
        for name, value in fields_of(record).items():
            found[f"{name}_" if name in RESERVED else name] = _cleaned(value)
        if traceback := _traceback(self, record):
            found["exception"] = "\n".join(traceback)
        return clean.json_text(json.dumps(found, ensure_ascii=False))


def _cleaned(value: Field) -> Field:
    if isinstance(value, Mapping):
        return {clean.line(name): clean.line(each) for name, each in value.items()}
    return clean.line(value) if isinstance(value, str) else value


def _as_text(fields: Mapping[str, Field]) -> str:
    """Behind the message: `: run=20261128-101500-ab12 state=done`."""
    shown = " ".join(f"{name}={_word(value)}" for name, value in fields.items())
    return f": {shown}" if shown else ""


def _word(value: Field) -> str:
    if isinstance(value, Mapping):
        value = ",".join(f"{name}:{each}" for name, each in value.items())
    text = str(value)
    # Quoted where it could be taken for the next field.
    return json.dumps(text, ensure_ascii=False) if set(text) & set(' "=') else text


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> list[str]:
    texts = []
    if record.exc_info:
        texts.append(formatter.formatException(record.exc_info))
    if record.stack_info:
        texts.append(record.stack_info)
    return [line for text in texts for line in clean.lines(text).split("\n")]


def log_options(level: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--log-level and --log-format; `log_to_stderr` reads what was given."""

    def keep(context: click.Context, option: click.Parameter, given: str) -> None:
        context.meta.setdefault(_KEY, {})[option.name] = given

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--log-format",
                type=click.Choice(["text", "json"]),
                default="text",
                show_default=True,
                expose_value=False,
                callback=keep,
                help="Log lines on standard error as text, or each as a JSON object.",
            ),
            click.option(
                "--log-level",
                type=click.Choice(_LEVELS),
                default=level,
                show_default=True,
                expose_value=False,
                callback=keep,
                help="Log what is at least this serious.",
            ),
        ):
            command = option(command)
        return command

    return add


def asks_for_json() -> bool:
    """Whether standard error is to hold JSON objects only, as this command's options say."""
    context = click.get_current_context(silent=True)
    asked = context.meta.get(_KEY, {}) if context is not None else {}
    return bool(asked.get("log_format") == "json")


def log_to_stderr(form: str) -> None:
    """Send every logger's records to standard error, as the command's options say.

    `form` is that of lines of text.
    """
    asked = click.get_current_context().meta[_KEY]
    send_to_stderr(asked["log_level"].upper(), form, as_json=asked["log_format"] == "json")


def send_to_stderr(level: str | int, form: str, *, as_json: bool = False) -> None:
    """As `log_to_stderr`, said in full."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLine() if as_json else OneLine(form))
    logging.basicConfig(level=level, handlers=[handler])
    # Python itself writes warnings to standard error as they are.
    logging.captureWarnings(True)
