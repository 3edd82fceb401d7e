"""Words for the values of enums."""

import re

from google.protobuf.descriptor import EnumDescriptor


def word(enum: EnumDescriptor, value: int) -> str | None:
    """Such as "does_not_start"; None for UNSPECIFIED, the number for a newer agent's value."""
    if value == 0:
        return None
    known = enum.values_by_number.get(value)
    if known is None:
        return str(value)
    # buf's style: every value begins with the name of its enum.
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper()
    return str(known.name).removeprefix(f"{prefix}_").lower()
