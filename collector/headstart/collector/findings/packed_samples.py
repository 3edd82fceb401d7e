"""A batch of samples on its way from the store into an analysis."""

from typing import NamedTuple


class PackedSamples(NamedTuple):
    """Its wanted columns, as packed as they came: a long run has a hundred million values."""

    trial: int
    origin_monotonic_ns: int
    rows: int
    time_delta_us: bytes
    # Quantity, differences, absent rows; of the instance as a whole (pid 0), each quantity once.
    columns: list[tuple[int, bytes, bytes]]
