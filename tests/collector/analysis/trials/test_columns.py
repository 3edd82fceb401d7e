import numpy as np
import pytest

from headstart.collector.analysis.trials.columns import MalformedBatch, Readings, readings, thinned
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


def test_thinning_keeps_the_peak_and_the_order() -> None:
    seconds = np.linspace(0.02, 60, 3000)
    values = np.full(3000, 100.0)
    values[1234] = 250

    thin = thinned(Readings(seconds, values), 100)

    assert len(thin.values) <= 100
    assert thin.values.max() == 250
    assert thin.seconds[np.argmax(thin.values)] == seconds[1234]
    assert (np.diff(thin.seconds) > 0).all()
    assert thin.seconds[0] == 0.02


def test_a_short_series_is_kept_whole() -> None:
    whole = Readings(np.array([0.1, 0.2]), np.array([1.0, 2.0]))

    assert thinned(whole, 100) is whole
