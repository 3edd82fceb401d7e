"""The builds of a run: their steps for reports, their times and memory for verdicts."""

from collections.abc import Callable, Iterable

from headstart.collector.analysis.trials.figures import Reading
from headstart.collector.analysis.trials.validity import Validity
from headstart.collector.findings import BuildPart, BuildStage, VariantBuild
from headstart.v1.experiment_pb2 import Builder, Experiment
from headstart.v1.records_pb2 import BuildOutcome, BuildStep
from headstart.words import metrics
from headstart.words.enums import word
from headstart.words.metric import Metric

# A Dockerfile of more steps than this is made by a program; its log has them all.
_STEPS_SHOWN = 200


# How each metric of builds is taken from a clean one; 0: it was not read.
TAKES: dict[Metric, Callable[[BuildOutcome], float]] = {
    metrics.BUILD: lambda build: build.duration_seconds,
    metrics.BUILD_CPU: lambda build: build.cpu_seconds,
    metrics.BUILD_MEMORY: lambda build: build.anonymous_peak_bytes,
}


def variant_builds(
    experiment: Experiment, builds: Iterable[BuildOutcome]
) -> tuple[VariantBuild, ...]:
    """In the order of the experiment file, the clean ones first."""
    order = {variant.name: index for index, variant in enumerate(experiment.variants)}
    known = [build for build in builds if build.variant in order]
    known.sort(key=lambda build: (order[build.variant], not build.clean, build.repetition))
    return tuple(map(_build, known))


def decisive(builds: Iterable[BuildOutcome]) -> dict[str, BuildOutcome]:
    """By variant the build whose image was used, the last one that made it; or a failed one.

    Only clean builds: the log of another one has nothing of the steps that it left out.
    """
    found: dict[str, BuildOutcome] = {}
    for build in sorted(builds, key=lambda build: build.repetition):
        known = found.get(build.variant)
        if build.clean and (known is None or build.digest or not known.digest):
            found[build.variant] = build
    return found


def build_readings(builds: Iterable[BuildOutcome]) -> dict[tuple[str, str], list[Reading]]:
    """By metric and variant, of the clean builds; a repetition pairs as a block does.

    A build that failed has no time: where it failed, it ended early.
    """
    found: dict[tuple[str, str], list[Reading]] = {}
    for build in builds:
        if not build.clean or build.HasField("failure"):
            continue
        for metric, take in TAKES.items():
            if (value := take(build)) > 0:
                reading = Reading(build.repetition, float(value), Validity.VALID)
                found.setdefault((metric.name, build.variant), []).append(reading)
    return found


def _build(build: BuildOutcome) -> VariantBuild:
    return VariantBuild(
        variant=build.variant,
        clean=build.clean,
        repetition=build.repetition,
        builder=word(Builder, build.builder),
        seconds=build.duration_seconds,
        stages=tuple(map(_stage, build.steps[:_STEPS_SHOWN])),
        memory_peak_bytes=build.memory_peak_bytes or None,
        anonymous_peak_bytes=build.anonymous_peak_bytes or None,
        cpu_seconds=build.cpu_seconds or None,
        failure_message=build.failure.message,
        output_tail=build.failure.output_tail,
        log_bytes=build.log_bytes,
        log_cut=build.log_cut,
        context_sha256=build.context_sha256,
        git_url=build.git_url,
        git_commit=build.git_commit,
    )


def _stage(step: BuildStep) -> BuildStage:
    return BuildStage(
        name=step.name,
        start_seconds=step.start_seconds,
        duration_seconds=step.duration_seconds,
        cached=step.cached,
        parts=tuple(
            BuildPart(part.name, part.start_seconds, part.duration_seconds) for part in step.parts
        ),
    )
