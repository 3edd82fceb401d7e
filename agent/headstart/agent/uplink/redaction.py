"""Secret values in what leaves an agent: records and log lines are shown without them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from headstart.agent.uplink.wire import AnyRecord
from headstart.v1.records_pb2 import Difference, LoadWindows, ResolvedVariant, SampleBatch
from headstart.words.foreign.secrets import Masks, masked_mapping
from headstart.words.log_fields import fields_of, with_fields

R = TypeVar("R", bound=AnyRecord)

# Columns of numbers, many a second.
_NUMBERS = (SampleBatch, LoadWindows)
# What was cut, or quotes what was cut: a value may be left in part at an end.
_CUT = frozenset(
    {
        "output_tail",
        "excerpt",
        "log",
        "message",
        "reason",
        "expected",
        "actual",
        "first_fault",
        "test",
    }
)
# What the collector finds a record by, or knows before: a value may happen to be such a word.
_KEPT = frozenset(
    {"variant", "digest", "check", "name", "code", "driver", "driver_version", "runtime", "host"}
)


def redacted(record: R, masks: Masks) -> R:
    """The record without secret values; the same one where it has none. It is not changed."""
    if isinstance(record, _NUMBERS):
        return record
    found = type(record)()
    found.CopyFrom(record)  # type: ignore[arg-type]  # of its own type
    _redact(found, masks)
    return found


@contextmanager
def redacted_logs(masks: Masks) -> Iterator[None]:
    """Meanwhile whatever is logged, tracebacks too, is written without secret values."""
    redaction = _LogRedaction(masks)
    handlers = logging.getLogger().handlers[:]
    for handler in handlers:
        handler.addFilter(redaction)
    try:
        yield
    finally:
        for handler in handlers:
            handler.removeFilter(redaction)


class _LogRedaction(logging.Filter):
    def __init__(self, masks: Masks) -> None:
        super().__init__()
        self._masks = masks

    def filter(self, record: logging.LogRecord) -> bool:
        if self._masks:
            text = record.getMessage()
            if record.exc_info:
                text += "\n" + logging.Formatter().formatException(record.exc_info)
            # For every handler: none is to write it.
            record.msg, record.args = self._masks.output(text), ()
            record.exc_info = record.exc_text = None
            shown = {
                name: self._masks.output(value) if isinstance(value, str) else value
                for name, value in fields_of(record).items()
            }
            vars(record).update(with_fields(**shown))
        return True


def _redact(message: Message, masks: Masks) -> None:
    for field, value in message.ListFields():
        if isinstance(message, ResolvedVariant) and field.name == "environment":
            shown = masked_mapping(value, masks)
            value.clear()
            value.update(shown)
        elif field.name == "argv":
            value[:] = masks.words(value)
        elif isinstance(message, Difference) or field.name not in _KEPT:
            _redact_field(message, field, value, masks)


def _redact_field(message: Message, field: FieldDescriptor, value: Any, masks: Masks) -> None:
    if field.message_type and field.message_type.GetOptions().map_entry:
        for key, inner in value.items():
            if isinstance(inner, str):
                value[key] = masks.known(inner)
    elif field.message_type:
        for inner in value if field.is_repeated else (value,):
            _redact(inner, masks)
    elif field.cpp_type == FieldDescriptor.CPPTYPE_STRING and masks:
        is_cut = field.name in _CUT or isinstance(message, Difference)
        hide: Any = masks.output if is_cut else masks.known
        if field.type == FieldDescriptor.TYPE_BYTES:
            hide = masks.data
        if field.is_repeated:
            value[:] = [hide(each) for each in value]
        else:
            setattr(message, field.name, hide(value))
