"""What pulls took: figures of their own, and none where it is not known."""

import pytest

from headstart.collector.analysis.pulls import pull_readings, pull_remarks
from headstart.collector.store.record_bounds import Unbelievable, bounds_of, check_record
from headstart.v1.records_pb2 import ImagePulled, Record
from headstart.words import metrics
from support.fake_runs import small


def pull(**parts: object) -> ImagePulled:
    stated = {
        "variants": ["jit", "aot"],
        "reference": "hub.example/team/players:1",
        "digest": "sha256:1",
        "duration_seconds": 2.5,
        "transferred_bytes": 12_300_000,
        "layers": 4,
    }
    return ImagePulled(**(stated | parts))  # type: ignore[arg-type]  # one of each field


def test_a_cold_pull_has_a_time_and_bytes_for_each_variant_of_its_image() -> None:
    found = pull_readings([pull()])

    assert {key: each[0].value for key, each in found.items()} == {
        (metrics.PULL.name, "jit"): 2.5,
        (metrics.PULL.name, "aot"): 2.5,
        (metrics.PULL_TRANSFERRED.name, "jit"): 12_300_000,
        (metrics.PULL_TRANSFERRED.name, "aot"): 12_300_000,
    }


@pytest.mark.parametrize(
    ("parts", "measured"),
    [
        ({"layers_present": 1}, {metrics.PULL_TRANSFERRED.name}),
        ({"layers_of_unknown_size": 1}, {metrics.PULL.name}),
        # It was here, or the engine told nothing of it.
        ({"layers": 0}, set()),
    ],
)
def test_what_was_here_is_no_cold_pull_and_what_is_not_told_has_no_size(
    parts: dict[str, int], measured: set[str]
) -> None:
    assert {metric for metric, _ in pull_readings([pull(**parts)])} == measured


def test_a_report_says_what_was_pulled() -> None:
    said, partly, unknown, none = pull_remarks(
        [pull(), pull(layers_present=3), pull(layers_of_unknown_size=4), pull(layers=0)]
    )

    assert said == (
        "The image of jit, aot was pulled before the first trial: hub.example/team/players:1,"
        " sha256:1, 4 layers, 12.3 MB in 2.50 s."
    )
    assert "4 layers, of which 3 were here" in partly
    assert "an unknown size" in unknown
    assert "the engine held all of hub.example/team/players:1, sha256:1" in none


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"variants": ["ghost"]}, "image_pulled.variants is 'ghost'"),
        ({"layers_present": 5}, "image_pulled has 4 layers, of which 5 are told"),
        ({"duration_seconds": -1.0}, "image_pulled.duration_seconds is -1"),
    ],
)
def test_a_pull_that_cannot_be_is_not_believed(parts: dict[str, object], says: str) -> None:
    fake = small(blocks=1)
    bounds = bounds_of("alpha", fake.info().experiment)
    names = list(bounds.variants)
    with pytest.raises(Unbelievable, match=says):
        check_record(Record(image_pulled=pull(**({"variants": names} | parts))), 0, bounds)
