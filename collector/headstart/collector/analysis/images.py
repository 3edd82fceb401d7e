"""What the variants' images are made of, and whether their programs are what they claim."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.findings import BaseKnown, Image, ImageLayer
from headstart.v1.experiment_pb2 import Compilation, Experiment, Variant
from headstart.v1.records_pb2 import BaseSource, BinaryKind, ImageFacts, PullBasis
from headstart.words import metrics
from headstart.words.enums import word
from headstart.words.metric import Metric

_WORDS = {
    BinaryKind.BINARY_KIND_NATIVE_AOT: "Native AOT code",
    BinaryKind.BINARY_KIND_READY_TO_RUN: "ReadyToRun code, which has a JIT behind it",
    BinaryKind.BINARY_KIND_IL: "IL, which a JIT compiles or an interpreter runs",
    BinaryKind.BINARY_KIND_JVM: "a Java VM",
    BinaryKind.BINARY_KIND_GRAALVM_NATIVE: "a GraalVM native image",
    BinaryKind.BINARY_KIND_DART_AOT: "Dart AOT code",
    BinaryKind.BINARY_KIND_STATIC_NATIVE: "native code",
    BinaryKind.BINARY_KIND_DYNAMIC_NATIVE: "native code",
    BinaryKind.BINARY_KIND_SCRIPT: "a script",
    BinaryKind.BINARY_KIND_MONO_AOT: "Mono AOT code",
}
_PRECOMPILED = {
    BinaryKind.BINARY_KIND_NATIVE_AOT,
    BinaryKind.BINARY_KIND_GRAALVM_NATIVE,
    BinaryKind.BINARY_KIND_DART_AOT,
}
# What contradicts a claim beyond doubt. Native code does not: most runtimes with a JIT, and
# most interpreters, are native programs. Nor does a script, which may start anything.
_CONTRADICTS = {
    Compilation.COMPILATION_AOT: {
        BinaryKind.BINARY_KIND_IL,
        BinaryKind.BINARY_KIND_READY_TO_RUN,
        BinaryKind.BINARY_KIND_JVM,
    },
    Compilation.COMPILATION_JIT: {
        *_PRECOMPILED,
        BinaryKind.BINARY_KIND_READY_TO_RUN,
        BinaryKind.BINARY_KIND_MONO_AOT,
    },
    Compilation.COMPILATION_MIXED: {*_PRECOMPILED, BinaryKind.BINARY_KIND_IL},
    Compilation.COMPILATION_INTERPRETER: {
        *_PRECOMPILED,
        BinaryKind.BINARY_KIND_READY_TO_RUN,
        BinaryKind.BINARY_KIND_MONO_AOT,
    },
}
# EPERM and EACCES as the C library words them.
_DENIED = ("Operation not permitted", "Permission denied")
_SOURCES = {
    BaseSource.BASE_SOURCE_NAMED: BaseKnown.NAMED,
    BaseSource.BASE_SOURCE_LOCAL_IMAGE: BaseKnown.LOCAL_IMAGE,
    BaseSource.BASE_SOURCE_ASSUMED_SCRATCH: BaseKnown.ASSUMED,
}


# How each metric of images is taken from one.
TAKES: dict[Metric, Callable[[Image], int | None]] = {
    metrics.IMAGE_UNPACKED: lambda image: image.unpacked_bytes,
    metrics.IMAGE_PULL: lambda image: image.pull_bytes,
    metrics.IMAGE_ABOVE_BASE: lambda image: image.above_base_bytes,
    metrics.IMAGE_OWN: lambda image: image.own_bytes,
}


def image_results(experiment: Experiment, images: Mapping[str, ImageFacts]) -> tuple[Image, ...]:
    """In the order of the experiment file; variants of which nothing is known are left out."""
    return tuple(
        _image(variant.name, images[variant.name])
        for variant in experiment.variants
        if variant.name in images
    )


def mislabelled(variant: Variant, facts: ImageFacts) -> str:
    """A sentence where the program is not what the experiment says it is; else empty."""
    if facts.binary_kind not in _CONTRADICTS.get(variant.compilation, ()):
        return ""
    said = word(Compilation, variant.compilation)
    program = facts.binary_path or "its program"
    return f"{variant.name} is said to be {said}, but {program} is {_WORDS[facts.binary_kind]}."


def image_remarks(experiment: Experiment, images: Mapping[str, ImageFacts]) -> Iterator[str]:
    """Programs that are not what they claim, and what of images could not be found out."""
    for variant in experiment.variants:
        facts = images.get(variant.name, ImageFacts())
        if said := mislabelled(variant, facts):
            yield said
    for variant in experiment.variants:
        for note in images.get(variant.name, ImageFacts()).notes:
            yield f"Of the image of {variant.name}: {note}."


def denied_remarks(experiment: Experiment, trials: Iterable[Trial]) -> Iterator[str]:
    """Containers that did not start for want of a right that none gets."""
    containers = {v.name for v in experiment.variants if not v.HasField("command")}
    seen = set()
    for trial in trials:
        failure = trial.outcome.failure
        if trial.variant in seen or trial.variant not in containers or trial.first_response_ns:
            continue
        said = next((words for words in _DENIED if words in failure.output_tail), "")
        if said:
            seen.add(trial.variant)
            yield (
                f"{trial.variant} did not start and wrote “{said}”: containers are run without "
                "any Linux capability but those that the variant states, and can gain no "
                "privilege: an image that must bind a low port, change owners or become another "
                "user takes `capabilities` that the host's policy allows, or a `user`."
            )


def image_readings(images: Mapping[str, ImageFacts]) -> dict[tuple[str, str], list[Reading]]:
    """By metric and variant. An image has one size, whatever the trials did: block 0."""
    found: dict[tuple[str, str], list[Reading]] = {}
    for name, facts in images.items():
        image = _image(name, facts)
        for metric, take in TAKES.items():
            if (value := take(image)) is not None:
                found[metric.name, name] = [Reading(0, float(value), Validity.VALID)]
    return found


def _image(variant: str, facts: ImageFacts) -> Image:
    own_known = facts.own_bytes > 0
    return Image(
        variant=variant,
        unpacked_bytes=facts.unpacked_bytes or None,
        pull_bytes=facts.pull_bytes or None,
        pull_estimated=facts.pull_basis == PullBasis.PULL_BASIS_ESTIMATED,
        above_base_bytes=facts.above_base_bytes if facts.base else None,
        base=facts.base,
        base_source=_SOURCES.get(facts.base_source),
        own_bytes=facts.own_bytes if own_known else None,
        symbol_bytes=facts.symbol_bytes if own_known else None,
        binary_kind=word(BinaryKind, facts.binary_kind),
        binary_path=facts.binary_path,
        binary_detail=facts.binary_detail,
        layers=tuple(
            ImageLayer(
                layer.bytes, layer.pull_bytes or None, layer.created_by, index < facts.base_layers
            )
            for index, layer in enumerate(facts.layers)
        ),
        notes=tuple(facts.notes),
    )
