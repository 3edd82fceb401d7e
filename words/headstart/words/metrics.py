"""Every metric, once: each name that a figure, a verdict, a gate or a gauge may bear.

Its value is taken by the `take` of that name: of trials in `analysis/trials/takes/`, of images,
builds and memory floors in their rooms. What it means and how wrong it can be is in
docs/METHODOLOGY.md.
"""

from headstart.words.drivers import without_series
from headstart.words.job_names import JobName
from headstart.words.metric import (
    MARGIN_IMAGE,
    MARGIN_TAIL,
    Metric,
    Rank,
    Stage,
    Unit,
)

STARTUP = Metric(
    name="startup_seconds",
    title="Startup",
    unit=Unit.SECONDS,
    description="From exec to the first correct response; of a batch program, to the exit of "
    "its trivial case; of a worker, to the line of its log.",
    stage=Stage.STARTUP,
    rank=Rank.HEADLINE,
)
STARTUP_DATA = Metric(
    name="startup_data_seconds",
    title="Startup to first data",
    unit=Unit.SECONDS,
    description="From exec to the first correct response that reached the database.",
    stage=Stage.STARTUP,
)
STARTUP_CPU = Metric(
    name="startup_cpu_seconds",
    title="CPU time of startup",
    unit=Unit.SECONDS,
    description="CPU time of all processes from exec to the first correct response.",
    stage=Stage.ANY,
    rank=Rank.MAIN,
)
ENGINE_START = Metric(
    name="engine_start_seconds",
    title="Container engine",
    unit=Unit.SECONDS,
    description="From the start call until the container waited in the gate; the engine's own "
    "time, not part of startup.",
    stage=Stage.ANY,
    margin=MARGIN_TAIL,
)
RSS_STARTUP = Metric(
    name="rss_startup_bytes",
    title="Memory during startup",
    unit=Unit.BYTES,
    description="Highest resident set seen from exec to the first correct response.",
    stage=Stage.ANY,
)
RSS_IDLE = Metric(
    name="rss_idle_bytes",
    title="Memory idle",
    unit=Unit.BYTES,
    description="Resident set at the end of the idle phase, before any load.",
    stage=Stage.ANY,
    rank=Rank.HEADLINE,
)
RSS_LOAD = Metric(
    name="rss_load_bytes",
    title="Memory under load",
    unit=Unit.BYTES,
    description="Highest resident set seen during the load phase.",
    stage=Stage.LOAD,
    rank=Rank.HEADLINE,
)
RSS_SETTLED = Metric(
    name="rss_settled_bytes",
    title="Memory after load",
    unit=Unit.BYTES,
    description="Resident set at the end of the settled phase, after load.",
    stage=Stage.LOAD,
)
MEMORY_HIGH_WATER = Metric(
    name="memory_high_water_bytes",
    title="Memory high water",
    unit=Unit.BYTES,
    description="Peak resident set since exec, counted by the kernel (VmHWM), of the trials "
    "with load where there is load, else of all.",
    stage=Stage.ANY,
)
MEMORY_FLOOR = Metric(
    name="memory_floor_bytes",
    title="Memory floor",
    unit=Unit.BYTES,
    description="Smallest memory limit within which it still starts, answers rightly and serves "
    "its share of the requests that it serves without a tight one.",
    stage=Stage.FLOOR,
    exact=True,
)
THROUGHPUT_FIRST = Metric(
    name="throughput_first_seconds_per_second",
    # Not "throughput": nobody shall take a warming JIT's first seconds for its throughput.
    title="First 5 s of load",
    unit=Unit.PER_SECOND,
    description="Correct responses per second over the first five seconds of load, which begin "
    "with the first correct response: what is served while warming up.",
    stage=Stage.LOAD,
    rank=Rank.MAIN,
    lower_is_better=False,
)
THROUGHPUT_STEADY = Metric(
    name="throughput_steady_per_second",
    title="Steady throughput",
    unit=Unit.PER_SECOND,
    description="Correct responses per second once the trial had settled; unavailable while it "
    "had not.",
    stage=Stage.LOAD,
    rank=Rank.HEADLINE,
    lower_is_better=False,
    steady=True,
)
THROUGHPUT_LOAD = Metric(
    name="throughput_load_per_second",
    title="Served over the whole load",
    unit=Unit.PER_SECOND,
    description="Correct responses per second over the whole load, warm-up included: what there "
    f"is of a load by a driver that gives no series ({', '.join(without_series())}).",
    stage=Stage.LOAD,
    lower_is_better=False,
)
RATE_HELD = Metric(
    name="rate_held_per_second",
    title="Highest rate held",
    unit=Unit.PER_SECOND,
    description="Of a load whose rate rises: the highest rate before the one from which on "
    "responses fell behind.",
    stage=Stage.RAMP,
    lower_is_better=False,
)
TIME_TO_STEADY = Metric(
    name="time_to_steady_seconds",
    title="Time to steady",
    unit=Unit.SECONDS,
    description="From the first correct response until responses per second had settled; zero "
    "when they were level from the start.",
    stage=Stage.LOAD,
    margin=MARGIN_TAIL,
    compared=False,
    steady=True,
)
LATENCY_P50 = Metric(
    name="latency_p50_seconds",
    title="Median latency",
    unit=Unit.SECONDS,
    description="Median latency of the steady part of the load.",
    stage=Stage.LOAD,
    steady=True,
)
LATENCY_P99 = Metric(
    name="latency_p99_seconds",
    title="p99 latency",
    unit=Unit.SECONDS,
    description="99th percentile of the latency of the steady part of the load.",
    stage=Stage.LOAD,
    margin=MARGIN_TAIL,
    steady=True,
)
LATENCY_LOAD_P99 = Metric(
    name="latency_load_p99_seconds",
    title="p99 of the whole load, uncorrected",
    unit=Unit.SECONDS,
    description="99th percentile of the latency of the whole load, warm-up included: what there "
    f"is of a load by a driver that gives no series ({', '.join(without_series())}). It counts "
    "from the actual send: what a stall of the app held back is not in it.",
    stage=Stage.LOAD,
    margin=MARGIN_TAIL,
)
LOAD_CPU = Metric(
    name="load_cpu_seconds_per_request",
    title="CPU time per request",
    unit=Unit.SECONDS,
    description="CPU time of all processes during the load phase, warm-up included, divided by "
    "the correct responses of that phase.",
    stage=Stage.LOAD,
)
JOB = Metric(
    name="job_seconds",
    title="Short job",
    unit=Unit.SECONDS,
    description="From exec to exit of the batch program's short job; of each trial the median "
    "of its repetitions.",
    stage=Stage.JOBS,
    rank=Rank.HEADLINE,
    job=JobName.SHORT,
)
JOBS_RATE = Metric(
    name="jobs_per_second",
    title="Short jobs one after another",
    unit=Unit.JOBS_PER_SECOND,
    description="Short jobs done in a second when each begins as the one before it ends, the "
    "container engine's time left out.",
    stage=Stage.JOBS,
    lower_is_better=False,
    job=JobName.SHORT,
)
JOB_CPU = Metric(
    name="job_cpu_seconds",
    title="CPU time of a short job",
    unit=Unit.SECONDS,
    description="CPU time of all processes of the short job; of each trial the median of its "
    "repetitions.",
    stage=Stage.ANY,
    job=JobName.SHORT,
)
JOB_MEMORY = Metric(
    name="job_memory_bytes",
    title="Memory of a short job",
    unit=Unit.BYTES,
    description="Highest resident set of the short job; of each trial the largest of its "
    "repetitions.",
    stage=Stage.ANY,
    rank=Rank.HEADLINE,
    job=JobName.SHORT,
)
LONG_JOB = Metric(
    name="long_job_seconds",
    title="Long job",
    unit=Unit.SECONDS,
    description="From exec to exit of the batch program's long job; of each trial the median of "
    "its repetitions.",
    stage=Stage.JOBS,
    rank=Rank.HEADLINE,
    job=JobName.LONG,
)
LONG_JOB_CPU = Metric(
    name="long_job_cpu_seconds",
    title="CPU time of a long job",
    unit=Unit.SECONDS,
    description="CPU time of all processes of the long job; of each trial the median of its "
    "repetitions.",
    stage=Stage.ANY,
    job=JobName.LONG,
)
LONG_JOB_MEMORY = Metric(
    name="long_job_memory_bytes",
    title="Memory of a long job",
    unit=Unit.BYTES,
    description="Highest resident set of the long job; of each trial the largest of its "
    "repetitions.",
    stage=Stage.ANY,
    rank=Rank.HEADLINE,
    job=JobName.LONG,
)
BUILD = Metric(
    name="build_seconds",
    title="Build",
    unit=Unit.SECONDS,
    description="Clean build, from packing its context to the finished image.",
    stage=Stage.BUILD,
    rank=Rank.MAIN,
    margin=MARGIN_TAIL,
)
BUILD_CPU = Metric(
    name="build_cpu_seconds",
    title="CPU time of the build",
    unit=Unit.SECONDS,
    description="CPU time of the steps of a clean build, read five times a second; what a step "
    "used after the last reading is not in it.",
    stage=Stage.BUILD,
    margin=MARGIN_TAIL,
)
BUILD_MEMORY = Metric(
    name="build_memory_bytes",
    title="Memory of the build",
    unit=Unit.BYTES,
    description="Highest anonymous memory of any step of a clean build, read five times a "
    "second; page cache is not in it.",
    stage=Stage.BUILD,
    margin=MARGIN_TAIL,
)
IMAGE_UNPACKED = Metric(
    name="image_unpacked_bytes",
    title="Image size",
    unit=Unit.BYTES,
    description="Bytes of the image's layers, unpacked.",
    stage=Stage.IMAGE,
    rank=Rank.MAIN,
    margin=MARGIN_IMAGE,
    exact=True,
)
IMAGE_PULL = Metric(
    name="image_pull_bytes",
    title="Image to pull",
    unit=Unit.BYTES,
    description="Bytes of the image's layers, compressed; where the engine does not keep them "
    "so, estimated by compressing them on the host.",
    stage=Stage.IMAGE,
    margin=MARGIN_IMAGE,
    exact=True,
)
IMAGE_ABOVE_BASE = Metric(
    name="image_above_base_bytes",
    title="Image above its base",
    unit=Unit.BYTES,
    # Variants mostly stand on unlike bases: a framework is in the one, compiled into
    # the app of the other.
    description="Bytes of the image's layers that its base does not have, unpacked.",
    stage=Stage.IMAGE,
    margin=MARGIN_IMAGE,
    exact=True,
    compared=False,
)
IMAGE_OWN = Metric(
    name="image_own_bytes",
    title="App's own files",
    unit=Unit.BYTES,
    description="Bytes of the files in the app's own folder, without symbols; of a command "
    "those of the one file that holds the app.",
    stage=Stage.IMAGE,
    margin=MARGIN_IMAGE,
    exact=True,
    compared=False,
)
PULL = Metric(
    name="pull_seconds",
    title="Cold pull",
    unit=Unit.SECONDS,
    # Of one pull by a run, over whatever the network was then.
    description="From the order to pull the image, of which the engine held no layer, to its last "
    "word: transferred and unpacked. No part of startup.",
    stage=Stage.IMAGE,
    margin=MARGIN_TAIL,
    compared=False,
)
PULL_TRANSFERRED = Metric(
    name="pull_transferred_bytes",
    title="Pulled",
    unit=Unit.BYTES,
    # What the engine held before, of other images, is not in it.
    description="Compressed bytes of the layers that a pull of the image transferred.",
    stage=Stage.IMAGE,
    margin=MARGIN_IMAGE,
    exact=True,
    compared=False,
)

# In the order above, which is that of tables.
METRICS: dict[str, Metric] = {
    each.name: each for each in tuple(globals().values()) if isinstance(each, Metric)
}

LOAD_METRICS = frozenset(name for name, each in METRICS.items() if each.stage is Stage.LOAD)
STEADY_METRICS = frozenset(name for name, each in METRICS.items() if each.steady)
HEADLINES = tuple(each for each in METRICS.values() if each.headline)
# The headlines and what is shown with them.
MAIN = tuple(each for each in METRICS.values() if each.rank <= Rank.MAIN)

# What each job of a batch program takes.
JOB_TIMES = {JobName.SHORT: JOB.name, JobName.LONG: LONG_JOB.name}

# What "first seconds" means, wherever it is said.
FIRST_SECONDS = 5.0


def threshold_of(margin: float) -> float:
    """The smallest shift that is told, as a ratio: half the margin of equivalence.

    A shift of just the margin is measured as less than it every other time: with the
    margin itself as the limit half of those would never be told.
    """
    return margin / 2
