"""The word for a value of a protobuf enum, as files, reports, exports and metrics show it."""

import re
from typing import Any, Protocol, TypeVar

_Value = TypeVar("_Value", contravariant=True)
_Number = TypeVar("_Number", bound=int)


class Enum(Protocol[_Value]):
    """What protobuf generates for an enum; known here by its shape alone."""

    DESCRIPTOR: Any

    def Name(self, number: _Value, /) -> str:  # noqa: N802, RUF100 - protobuf's own name
        """Such as "BINARY_KIND_NATIVE_AOT"."""


def word(enum: Enum[_Number], value: _Number) -> str:
    """Such as "native_aot"; empty for UNSPECIFIED, the number for a value of a newer version."""
    if not value:
        return ""
    known = enum.DESCRIPTOR.values_by_number.get(value)
    return _without_prefix(enum, known.name) if known else str(value)


def words(enum: Enum[_Number]) -> dict[_Number, str]:
    """The word for each value that this version knows, but UNSPECIFIED."""
    return {
        each.number: _without_prefix(enum, each.name)
        for each in enum.DESCRIPTOR.values
        if each.number
    }


def _without_prefix(enum: Enum[_Number], name: str) -> str:
    # buf's style: every value begins with the name of its enum.
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", str(enum.DESCRIPTOR.name)).upper()
    return name.removeprefix(f"{prefix}_").lower()
