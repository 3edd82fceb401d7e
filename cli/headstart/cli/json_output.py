"""What `--json` prints: an object that begins with its schema, in the words of reports."""

import json
import math
from collections.abc import Mapping
from typing import Any

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper
from google.protobuf.message import Message

from headstart.cli.terminal import say_json
from headstart.words.enums import word
from headstart.words.json_schema_number import SCHEMA


def say_object(found: Mapping[str, Any]) -> None:
    """Print it."""
    say_json(json.dumps({"schema": SCHEMA, **found}, indent=2, allow_nan=False))


def in_words(message: Message) -> dict[str, Any]:
    """A message with every field under its own name; what was not said is null, or empty.

    Words stand for enums, and null for what is no number in JSON.
    """
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Any) -> Any:
    value = getattr(message, field.name)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        inner = field.message_type.fields_by_name["value"]
        return {str(key): _value(inner, value[key]) for key in value}
    if field.is_repeated:
        return [_value(field, each) for each in value]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(field, value)


def _value(field: Any, value: Any) -> Any:
    if isinstance(value, Message):
        return in_words(value)
    if field.enum_type is not None:
        return word(EnumTypeWrapper(field.enum_type), value)
    if isinstance(value, bytes):
        return value.hex()
    return None if isinstance(value, float) and not math.isfinite(value) else value
