"""The buckets of latency histograms: HdrHistogram's, lowest discernible 1 us, 2 significant digits.

A value below 256 us has a bucket of its own; above, every power of two is cut into 128, so that
a bucket is never wider than 1/128 of its value and its middle is wrong by at most 0.4 %. Source:
Gil Tene, HdrHistogram, `countsArrayIndex` with subBucketCount = 256.
"""

SUB_BUCKETS = 256
_HALF_BITS = 7
_HALF = 1 << _HALF_BITS
# The bucket of 2**42 us, seven weeks: an index past it is not a latency.
BUCKETS = ((42 - _HALF_BITS) << _HALF_BITS) + _HALF


def index_of(value_us: int) -> int:
    """Index of the bucket that holds a latency in whole microseconds (>= 0)."""
    if value_us < SUB_BUCKETS:
        return value_us
    shift = value_us.bit_length() - (_HALF_BITS + 1)
    return (shift << _HALF_BITS) + (value_us >> shift)


def lowest_us(index: int) -> int:
    """The smallest value of a bucket."""
    if index < SUB_BUCKETS:
        return index
    return ((index & (_HALF - 1)) + _HALF) << _shift(index)


def middle_us(index: int) -> float:
    """Midway between its smallest and its largest value."""
    return lowest_us(index) + ((1 << _shift(index)) - 1) / 2


def _shift(index: int) -> int:
    return max(0, (index >> _HALF_BITS) - 1)
