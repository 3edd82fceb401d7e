from itertools import chain

import numpy as np
import pytest

from headstart.collector.analysis.statistics.histogram import (
    MalformedHistogram,
    counts_of,
    merged,
    quantiles_seconds,
)
from headstart.v1.records_pb2 import Histogram
from support.histograms import histogram_of


def test_quantiles_are_within_half_a_bucket_of_the_exact_ones() -> None:
    values = np.random.default_rng(1).lognormal(7, 1.2, 20_000).astype(int)
    counts = counts_of(histogram_of(int(value) for value in values))

    found = quantiles_seconds(counts, (0.01, 0.5, 0.99, 1.0))

    exact = np.quantile(values, (0.01, 0.5, 0.99, 1.0), method="inverted_cdf") / 1e6
    assert found == pytest.approx(list(exact), rel=1 / 256, abs=1e-6)


def test_merging_is_the_histogram_of_all_values() -> None:
    parts: list[list[int]] = [[1, 300, 70_000], [300, 5], []]

    together = merged(counts_of(histogram_of(part)) for part in parts)

    assert together == counts_of(histogram_of(chain(*parts)))
    assert together.total == 5


def test_nothing_counted_has_no_quantile() -> None:
    assert quantiles_seconds(counts_of(Histogram()), (0.5,)) is None


@pytest.mark.parametrize(
    "broken",
    [
        Histogram(index_delta=[1, 2], count=[1]),
        Histogram(index_delta=[4_000_000_000], count=[1]),
        Histogram(index_delta=[1], count=[1 << 60]),
    ],
)
def test_a_histogram_off_the_layout_is_refused(broken: Histogram) -> None:
    with pytest.raises(MalformedHistogram):
        counts_of(broken)
