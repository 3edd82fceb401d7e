"""Named sets of gates: which limits `gates: NAME` and `--profile NAME` mean."""

from dataclasses import dataclass
from enum import StrEnum

from headstart.words import metrics
from headstart.words.job_names import JobName
from headstart.words.metric import Metric, Stage
from headstart.words.verdicts import LimitKind


class GateProfile(StrEnum):
    """The profiles that a file or an option may name."""

    NATIVE_AOT_API = "native-aot-api"
    NATIVE_AOT_SERVICE = "native-aot-service"
    CI_DEFAULT = "ci-default"


class Subject(StrEnum):
    """What can be measured of an experiment."""

    SERVICE = "service"
    BATCH = "batch"
    LOAD = "load"
    # A service in trials without load.
    IDLE = "idle"
    # Every variant is an image.
    IMAGE = "image"
    SHORT_JOB = "short job"
    LONG_JOB = "long job"


SUBJECT_OF_JOB = {JobName.SHORT: Subject.SHORT_JOB, JobName.LONG: Subject.LONG_JOB}


@dataclass(frozen=True)
class ProfileLimit:
    """A limit of a profile; `bound` None: the margin of the file or of the metric."""

    metric: Metric
    kind: LimitKind
    bound: float | None
    # Held only against experiments that have this; None: against all.
    subject: Subject | None = None


def _native_aot(
    startup_seconds: float, memory_bytes: float, disk_bytes: float
) -> tuple[ProfileLimit, ...]:
    return (
        ProfileLimit(metrics.STARTUP, LimitKind.MAX, startup_seconds),
        ProfileLimit(metrics.RSS_IDLE, LimitKind.MAX, memory_bytes),
        ProfileLimit(metrics.RSS_LOAD, LimitKind.MAX, memory_bytes),
        # What was published, without a base image.
        ProfileLimit(metrics.IMAGE_OWN, LimitKind.MAX, disk_bytes),
        ProfileLimit(metrics.THROUGHPUT_STEADY, LimitKind.MARGIN, 0.05),
    )


def _subject(metric: Metric) -> Subject | None:
    """What an experiment must have, so that it is asked for this."""
    if metric.job:
        return SUBJECT_OF_JOB[metric.job]
    if metric is metrics.RSS_IDLE:
        return Subject.IDLE
    if metric.stage is Stage.IMAGE:
        return Subject.IMAGE
    return Subject.LOAD if metric.under_load else None


PROFILES: dict[GateProfile, tuple[ProfileLimit, ...]] = {
    # .NET's own targets for Native AOT (dotnet/runtime issue 79003): the Albums API,
    # which serves lists from memory, and the Todo API, which has a database. Working set
    # before load and at load; throughput against the default configuration of CoreCLR.
    GateProfile.NATIVE_AOT_API: _native_aot(0.050, 50e6, 10e6),
    GateProfile.NATIVE_AOT_SERVICE: _native_aot(0.150, 60e6, 20e6),
    # No worse than the baseline, by the margin of each metric.
    GateProfile.CI_DEFAULT: tuple(
        ProfileLimit(each, LimitKind.MARGIN, None, _subject(each))
        for each in (*metrics.HEADLINES, metrics.IMAGE_UNPACKED)
    ),
}
