"""The images that a run pulled: what it took, apart from every figure of a start."""

from collections.abc import Callable, Iterable, Iterator

from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.validity import Validity
from headstart.v1.records_pb2 import ImagePulled
from headstart.words import metrics
from headstart.words.metric import Metric


def _seconds(pull: ImagePulled) -> float | None:
    """Of a cold pull alone: with layers that were here it says what was here."""
    is_cold = pull.layers > 0 and pull.layers_present == 0
    return pull.duration_seconds if is_cold else None


def _transferred(pull: ImagePulled) -> float | None:
    """None where the engine did not tell all of it."""
    is_told = pull.layers > 0 and pull.layers_of_unknown_size == 0
    return float(pull.transferred_bytes) if is_told else None


# How each metric of pulls is taken from one.
TAKES: dict[Metric, Callable[[ImagePulled], float | None]] = {
    metrics.PULL: _seconds,
    metrics.PULL_TRANSFERRED: _transferred,
}


def pull_readings(pulls: Iterable[ImagePulled]) -> dict[tuple[str, str], list[Reading]]:
    """By metric and variant. A run pulls an image once, before its blocks: block 0."""
    return {
        (metric.name, variant): [Reading(0, value, Validity.VALID)]
        for pull in pulls
        for metric, take in TAKES.items()
        if (value := take(pull)) is not None
        for variant in pull.variants
    }


def pull_remarks(pulls: Iterable[ImagePulled]) -> Iterator[str]:
    """What was pulled and what it took, one sentence for each image."""
    for pull in pulls:
        if not pull.layers:
            yield (
                f"The image of {', '.join(pull.variants)} was asked for before the first trial:"
                f" the engine held all of {pull.reference}, {pull.digest}."
            )
            continue
        size = f"{pull.transferred_bytes / 1e6:.1f} MB"
        if pull.layers_of_unknown_size:
            size = "an unknown size, since the engine did not tell it"
        layers = f"{pull.layers} layer{'s' * (pull.layers != 1)}"
        if pull.layers_present:
            layers += f", of which {pull.layers_present} were here"
        digest = f", {pull.digest}" if pull.digest else ""
        yield (
            f"The image of {', '.join(pull.variants)} was pulled before the first trial:"
            f" {pull.reference}{digest}, {layers}, {size} in {pull.duration_seconds:.2f} s."
        )
