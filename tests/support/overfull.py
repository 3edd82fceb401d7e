"""Messages that have too much in one field, made from the descriptors: no field is forgotten."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

# More than any list may have and any text be long.
TOO_MANY, TOO_LONG = 20_001, 256 * 1024 + 1
FieldPath = tuple[FieldDescriptor, ...]


def paths(descriptor: Descriptor, above: FieldPath = ()) -> Iterator[FieldPath]:
    """Each field that is a list or a text, however deep; a type within itself once."""
    for field in descriptor.fields:
        here = (*above, field)
        text = field.type == FieldDescriptor.TYPE_STRING
        if field.is_repeated or text:
            yield here
        of = field.message_type
        if (
            of is not None
            and not of.GetOptions().map_entry
            and all(of != f.containing_type for f in here)
        ):
            yield from paths(of, here)


def filled(message: Message, path: FieldPath) -> None:
    """Too much at the end of a path."""
    field, *rest = path
    value = getattr(message, field.name)
    if rest:
        if field.is_repeated:
            value = value.add()
        else:
            value.SetInParent()
        filled(value, tuple(rest))
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        kind = field.message_type.fields_by_name["key"].type
        for number in range(TOO_MANY):
            key = str(number) if kind == FieldDescriptor.TYPE_STRING else number
            of = field.message_type.fields_by_name["value"]
            if of.message_type is not None:
                value[key].SetInParent()
            else:
                value[key] = "" if of.type == FieldDescriptor.TYPE_STRING else 0
    elif field.message_type is not None:
        value.MergeFrom([value.add()] * TOO_MANY)
    elif field.is_repeated:
        value.extend([("x" if field.type == FieldDescriptor.TYPE_STRING else 0)] * TOO_MANY)
    else:
        setattr(message, field.name, "x" * TOO_LONG)


def named(path: FieldPath) -> str:
    return ".".join(field.name for field in path)
