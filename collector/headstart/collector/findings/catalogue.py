"""The catalogue of metrics: every name that a figure, a verdict, a gate or a gauge may bear.

Light on purpose (no numpy): validation of experiment files and the exposition read it.
How each is taken from a trial is in `analysis/trials/figures.py`; what it means and how wrong it
can be, in docs/METHODOLOGY.md.
"""

from headstart.collector.findings.figures import Metric

# A user who states no margin gets these: below them a difference is rarely worth a
# change of how one ships. Memory and startup vary more from build to build than
# steady throughput, whose usual target is "within 5 % of JIT" (dotnet/runtime 79003).
_MARGIN = 0.05
_MARGIN_TAIL = 0.10

_METRICS = (
    Metric(
        name="startup_seconds",
        title="Startup",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="From exec to the first correct response; of a batch program, to the exit "
        "of its trivial case.",
        headline=True,
    ),
    Metric(
        name="startup_data_seconds",
        title="Startup to first data",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="From exec to the first correct response that reached the database.",
    ),
    Metric(
        name="startup_cpu_seconds",
        title="CPU time of startup",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="CPU time of all processes from exec to the first correct response.",
    ),
    Metric(
        name="engine_start_seconds",
        title="Container engine",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        description="From the start call until the container waited in the gate; "
        "the engine's own time, not part of startup.",
    ),
    Metric(
        name="rss_startup_bytes",
        title="Memory during startup",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Highest resident set seen from exec to the first correct response.",
    ),
    Metric(
        name="rss_idle_bytes",
        title="Memory idle",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Resident set at the end of the idle phase, before any load.",
        headline=True,
    ),
    Metric(
        name="rss_load_bytes",
        title="Memory under load",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Highest resident set seen during the load phase.",
        headline=True,
    ),
    Metric(
        name="rss_settled_bytes",
        title="Memory after load",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Resident set at the end of the settled phase, after load.",
    ),
    Metric(
        name="memory_high_water_bytes",
        title="Memory high water",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Peak resident set since exec, counted by the kernel (VmHWM), of the "
        "trials with load where there is load, else of all.",
    ),
    Metric(
        name="memory_floor_bytes",
        title="Memory floor",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Smallest memory limit within which it still starts, answers rightly and "
        "serves its share of the requests that it serves without a tight one.",
        exact=True,
    ),
    Metric(
        name="throughput_first_seconds_per_second",
        # Not "throughput": nobody shall take a warming JIT's first seconds for its throughput.
        title="First 5 s of load",
        unit="per_second",
        lower_is_better=False,
        margin=_MARGIN,
        description="Correct responses per second over the first five seconds of load, "
        "which begin with the first correct response: what is served while warming up.",
        center="mean",
    ),
    Metric(
        name="throughput_steady_per_second",
        title="Steady throughput",
        unit="per_second",
        lower_is_better=False,
        margin=_MARGIN,
        description="Correct responses per second once the trial had settled; "
        "unavailable while it had not.",
        center="mean",
        headline=True,
    ),
    Metric(
        name="throughput_load_per_second",
        title="Served over the whole load",
        unit="per_second",
        lower_is_better=False,
        margin=_MARGIN,
        description="Correct responses per second over the whole load, warm-up included: "
        "what there is of a load by a driver that gives no series (wrk).",
        center="mean",
    ),
    Metric(
        name="rate_held_per_second",
        title="Highest rate held",
        unit="per_second",
        lower_is_better=False,
        margin=_MARGIN,
        description="Of a load whose rate rises: the highest rate before the one from which on "
        "responses fell behind.",
    ),
    Metric(
        name="time_to_steady_seconds",
        title="Time to steady",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        description="From the first correct response until responses per second had settled; "
        "zero when they were level from the start.",
        compared=False,
    ),
    Metric(
        name="latency_p50_seconds",
        title="Median latency",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="Median latency of the steady part of the load.",
    ),
    Metric(
        name="latency_p99_seconds",
        title="p99 latency",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        description="99th percentile of the latency of the steady part of the load.",
    ),
    Metric(
        name="latency_load_p99_seconds",
        title="p99 latency of the whole load",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        description="99th percentile of the latency of the whole load, warm-up included: "
        "what there is of a load by a driver that gives no series (wrk).",
    ),
    Metric(
        name="load_cpu_seconds_per_request",
        title="CPU time per request",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="CPU time of all processes during the load phase, warm-up included, "
        "divided by the correct responses of that phase.",
    ),
    Metric(
        name="job_seconds",
        title="Short job",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="From exec to exit of the batch program's short job; "
        "of each trial the median of its repetitions.",
        headline=True,
    ),
    Metric(
        name="jobs_per_second",
        title="Short jobs one after another",
        unit="jobs_per_second",
        lower_is_better=False,
        margin=_MARGIN,
        description="Short jobs done in a second when each begins as the one before it ends, "
        "the container engine's time left out.",
        center="mean",
    ),
    Metric(
        name="job_cpu_seconds",
        title="CPU time of a short job",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="CPU time of all processes of the short job; "
        "of each trial the median of its repetitions.",
    ),
    Metric(
        name="job_memory_bytes",
        title="Memory of a short job",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Highest resident set of the short job; "
        "of each trial the largest of its repetitions.",
        headline=True,
    ),
    Metric(
        name="long_job_seconds",
        title="Long job",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="From exec to exit of the batch program's long job; "
        "of each trial the median of its repetitions.",
        headline=True,
    ),
    Metric(
        name="long_job_cpu_seconds",
        title="CPU time of a long job",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN,
        description="CPU time of all processes of the long job; "
        "of each trial the median of its repetitions.",
    ),
    Metric(
        name="long_job_memory_bytes",
        title="Memory of a long job",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN,
        description="Highest resident set of the long job; "
        "of each trial the largest of its repetitions.",
        headline=True,
    ),
    Metric(
        name="build_seconds",
        title="Build",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        description="Clean build, from packing its context to the finished image.",
        replicate="build",
    ),
    Metric(
        name="build_cpu_seconds",
        title="CPU time of the build",
        unit="seconds",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        description="CPU time of the steps of a clean build, read five times a second; what a "
        "step used after the last reading is not in it.",
        replicate="build",
    ),
    Metric(
        name="build_memory_bytes",
        title="Memory of the build",
        unit="bytes",
        lower_is_better=True,
        margin=_MARGIN_TAIL,
        replicate="build",
        description="Highest anonymous memory of any step of a clean build, read five times a "
        "second; page cache is not in it.",
    ),
    Metric(
        name="image_unpacked_bytes",
        title="Image size",
        unit="bytes",
        lower_is_better=True,
        margin=0.01,
        description="Bytes of the image's layers, unpacked.",
        exact=True,
    ),
    Metric(
        name="image_pull_bytes",
        title="Image to pull",
        unit="bytes",
        lower_is_better=True,
        margin=0.01,
        description="Bytes of the image's layers, compressed; where the engine does not keep "
        "them so, estimated by compressing them on the host.",
        exact=True,
    ),
    Metric(
        name="image_above_base_bytes",
        title="Image above its base",
        unit="bytes",
        lower_is_better=True,
        margin=0.01,
        # Variants mostly stand on unlike bases: a framework is in the one, compiled into
        # the app of the other.
        description="Bytes of the image's layers that its base does not have, unpacked.",
        exact=True,
        compared=False,
    ),
    Metric(
        name="image_own_bytes",
        title="App's own files",
        unit="bytes",
        lower_is_better=True,
        margin=0.01,
        description="Bytes of the files in the app's own folder, without symbols; of a command "
        "those of the one file that holds the app.",
        exact=True,
        compared=False,
    ),
)

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _METRICS}

# Taken from the part of a trial that is under load.
LOAD_METRICS = frozenset(
    {
        "rss_load_bytes",
        "rss_settled_bytes",
        "throughput_first_seconds_per_second",
        "throughput_steady_per_second",
        "throughput_load_per_second",
        "time_to_steady_seconds",
        "latency_p50_seconds",
        "latency_p99_seconds",
        "latency_load_p99_seconds",
        "load_cpu_seconds_per_request",
    }
)
# What "first seconds" means, wherever it is said.
FIRST_SECONDS = 5.0


def threshold_of(margin: float) -> float:
    """The smallest shift that is told, as a ratio: half the margin of equivalence.

    A shift of just the margin is measured as less than it every other time: with the
    margin itself as the limit half of those would never be told.
    """
    return margin / 2
