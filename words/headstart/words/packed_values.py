"""Whole numbers as protobuf packs them: seven bits a byte, and only a value's last is below 128."""

# Each byte as 1 where it is a value's last one, else 0.
IS_LAST = bytes([1] * 0x80 + [0] * 0x80)
_LONG = bytes(8)


def count_values(packed: bytes) -> int:
    """How many numbers a packed field holds."""
    return packed.translate(IS_LAST).count(1)


def may_be_long(serialised: bytes) -> bool:
    """Whether a number in a message may be beyond 2^56, or below -2^55 where it has a sign.

    False is sure, for messages of whole numbers alone.
    """
    return _LONG in serialised.translate(IS_LAST)
