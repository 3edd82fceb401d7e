"""A fragment's text is what prometheus_client makes of the same samples, byte for byte."""

import math
import random

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from headstart.collector.metrics.families import RESULT_FAMILIES, Family, Sample
from headstart.collector.metrics.rendering import fragment_of, page_of

FAMILY = Family("headstart_things", "How many \\ there\nare.", ("zone", "experiment", "kind"))
_CHARACTERS = 'ab"\\\n{}, =%é日\U0001f600'
_VALUES = (0.0, -0.0, 1.0, 3e-7, 0.1, 1e21, 123456789.25, -2.5)


@pytest.mark.parametrize("seed", range(50))
def test_the_text_is_that_of_prometheus_client(seed: int) -> None:
    chance = random.Random(seed)

    def text() -> str:
        return "".join(chance.choices(_CHARACTERS, k=chance.randrange(6)))

    store = text()
    values = {(text(), text(), text()): chance.choice(_VALUES) for _ in range(seed % 7 + 1)}
    registry = CollectorRegistry()
    gauge = Gauge(FAMILY.name, FAMILY.documentation, ["store", *FAMILY.labels], registry=registry)
    for labels, value in values.items():
        gauge.labels(store, *labels).set(value)
    samples = [Sample(FAMILY.name, labels, value) for labels, value in values.items()]

    page = page_of([FAMILY], [fragment_of(store, [FAMILY], samples)])

    assert page.plain == generate_latest(registry)
    assert page.series == len(values)


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (Sample("headstart_run_blocks", ("e", "h", "f", "c"), math.nan), "not_finite"),
        (Sample("headstart_run_blocks", ("a", "h", "f", "c"), 2.0), "duplicate"),
        (Sample("headstart_of_the_future", ("a",), 2.0), "unknown"),
    ],
)
def test_what_cannot_be_shown_is_counted_with_its_reason(second: Sample, reason: str) -> None:
    first = Sample("headstart_run_blocks", ("a", "h", "f", "c"), 1.0)

    fragment = fragment_of("s", RESULT_FAMILIES, [first, second])

    assert (fragment.series, dict(fragment.dropped)) == (1, {reason: 1})
    # Asked for twice, it is there twice.
    assert fragment.lines == fragment.lines
    assert fragment.lines["headstart_run_blocks"].endswith(b" 1.0\n")
