"""What is on the wire, as lines: `python -m support.protocol` (in tests/) writes those of today."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

FILE = Path(__file__).with_name("protocol_of_0_1.txt")
_MODULES = ("access", "experiment", "experiments", "fleet", "host", "identity", "packed", "records")
_TYPES = {
    value: name.removeprefix("TYPE_").lower()
    for name, value in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


def lines() -> Iterator[str]:
    """Each field, value of an enumeration and call, with all that two releases must agree on."""
    for name in _MODULES:
        file = import_module(f"headstart.v1.{name}_pb2").DESCRIPTOR
        for message in file.message_types_by_name.values():
            yield from _fields(message)
        for enum in file.enum_types_by_name.values():
            yield from (f"{enum.full_name}: {value.name} = {value.number}" for value in enum.values)
        for service in file.services_by_name.values():
            yield from (_call(method) for method in service.methods)


def _fields(message: Any) -> Iterator[str]:
    for field in message.fields:
        kind = field.message_type or field.enum_type
        of = f" {kind.full_name}" if kind else ""
        many = " repeated" if field.is_repeated else ""
        yield f"{field.full_name} = {field.number} {_TYPES[field.type]}{of}{many}"
    for nested in message.nested_types:
        yield from _fields(nested)


def _call(method: Any) -> str:
    asked = "stream " * method.client_streaming + method.input_type.full_name
    answered = "stream " * method.server_streaming + method.output_type.full_name
    return f"{method.full_name}({asked}) -> {answered}"


if __name__ == "__main__":
    FILE.write_text("".join(f"{line}\n" for line in sorted(lines())))
