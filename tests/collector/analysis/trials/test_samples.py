from collections.abc import Iterable

import numpy as np
import pytest

from headstart.collector.analysis.trials.columns import MalformedBatch, Readings
from headstart.collector.analysis.trials.samples import Samples
from headstart.v1.records_pb2 import Quantity, SampleBatch, SampleColumn

RSS = Quantity.QUANTITY_RSS_BYTES


def batch(origin_ns: int, rss: list[int], absent: list[int] | None = None) -> SampleBatch:
    return SampleBatch(
        origin_monotonic_ns=origin_ns,
        time_delta_us=[0] + [20_000] * (len(rss) - 1),
        columns=[
            SampleColumn(quantity=RSS, pid=7, delta=[1] * len(rss)),
            SampleColumn(
                quantity=RSS,
                delta=[int(d) for d in np.diff(rss, prepend=0)],
                absent_rows=absent or [],
            ),
        ],
    )


def readings(
    batches: Iterable[SampleBatch], quantity: Quantity.ValueType, zero_ns: int
) -> Readings:
    samples = Samples()
    for each in batches:
        samples.add(each)
    return samples.readings(quantity, zero_ns)


def test_differences_become_values_over_the_batches_in_order_of_time() -> None:
    zero = 5_000_000_000
    later, first = batch(zero + 60_000_000, [130, 90]), batch(zero + 20_000_000, [100, 120])

    found = readings([later, first], RSS, zero)

    assert list(found.values) == [100, 120, 130, 90]
    assert found.seconds == pytest.approx([0.02, 0.04, 0.06, 0.08])


def test_an_absent_reading_is_left_out() -> None:
    found = readings([batch(0, [100, 100, 140], absent=[1])], RSS, 0)

    assert list(found.values) == [100, 140]


def test_a_quantity_that_was_not_read_gives_nothing() -> None:
    assert len(readings([batch(0, [1])], Quantity.QUANTITY_THREADS, 0).values) == 0


@pytest.mark.parametrize(
    "broken",
    [
        SampleBatch(time_delta_us=[1, 1], columns=[SampleColumn(quantity=RSS, delta=[1])]),
        SampleBatch(
            time_delta_us=[1], columns=[SampleColumn(quantity=RSS, delta=[1], absent_rows=[1])]
        ),
    ],
)
def test_columns_that_do_not_fit_are_refused(broken: SampleBatch) -> None:
    with pytest.raises(MalformedBatch):
        readings([broken], RSS, 0)


def test_numbers_of_every_length_come_back() -> None:
    values = [0, -1, 63, -64, 64, 8191, -8193, 2**20, -(2**34), 2**55, -(2**55), 2**61]
    deltas = [int(d) for d in np.diff(np.array(values), prepend=0)]
    column = SampleColumn(quantity=RSS, delta=deltas)
    found = readings(
        [SampleBatch(time_delta_us=[1] * len(values), columns=[column]), batch(10**9, [7])], RSS, 0
    )

    assert [int(value) for value in found.values] == [int(float(v)) for v in values] + [7]


def test_two_faults_do_not_hide_each_other() -> None:
    """A value too few in one batch and one too many in another."""
    short = SampleBatch(time_delta_us=[1, 1], columns=[SampleColumn(quantity=RSS, delta=[1])])
    long = SampleBatch(time_delta_us=[1], columns=[SampleColumn(quantity=RSS, delta=[1, 1])])

    with pytest.raises(MalformedBatch, match="2 values in a batch of 1 rows"):
        readings([short, long], RSS, 0)
