"""What a plan yields before anything is measured: values of a metric, or why there are too few.

Only what follows from the experiment itself is said. Whether a host is quiet enough, an image
has a base or a server settles is found out by measuring.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from headstart.collector.analysis.trials.load import GRID_CELLS, GRID_SECONDS, SHORTEST_SECONDS
from headstart.collector.analysis.warmup.courses import (
    JIT_SECONDS,
    MAY_HAVE_JIT,
    is_too_short_for_jit,
)
from headstart.collector.analysis.warmup.detection import MINIMUM_SEGMENT
from headstart.v1.experiment_pb2 import Experiment, Load, Variant
from headstart.words import metrics
from headstart.words.drivers import gives_series, without_series
from headstart.words.looks import LOOKS
from headstart.words.metric import Stage
from headstart.words.metrics import FIRST_SECONDS, METRICS, STEADY_METRICS
from headstart.words.readiness import Kind, kind_of
from headstart.words.windows import FINE_SECONDS

# As the analysis allows for windows that end a little early.
_NEARLY = 0.95
_WHOLE_LOAD = (metrics.THROUGHPUT_LOAD.name, metrics.LATENCY_LOAD_P99.name)
_FIRST = metrics.THROUGHPUT_FIRST.name
_OF_SERVICES = (metrics.RSS_IDLE.name, metrics.MEMORY_HIGH_WATER.name, metrics.STARTUP_DATA.name)


@dataclass(frozen=True)
class Lack:
    """Why a plan yields too few values of a metric, as a clause, and what would mend it.

    `change` is empty where no plan yields them; `path` is where the file says it.
    """

    reason: str
    change: str
    path: tuple[str, ...]


def lack_of(experiment: Experiment, metric: str, variant: Variant, needed: int) -> Lack | None:
    """None: the plan yields so many values of the metric, or nobody can know before.

    `needed`: trials for an interval; of a metric that does not vary one value is enough.
    """
    known = METRICS[metric]
    if known.stage is Stage.BUILD:
        return _of_builds(variant, needed)
    if known.stage is Stage.IMAGE:
        # A command has no layers, and files of its own all the same.
        return None if metric == metrics.IMAGE_OWN.name else _of_image(variant)
    if known.stage is Stage.FLOOR:
        asked = experiment.plan.memory_floor
        path, change = ("plan", "memory_floor"), "`plan.memory_floor: true`"
        return None if asked else Lack("the plan searches no memory floor", change, path)
    if known.job and known.job not in {job.name for job in experiment.jobs}:
        return Lack(f"the experiment has no {known.job} job", f"add `jobs.{known.job}`", ("jobs",))
    if known.under_load:
        return _of_load(experiment, metric, variant) or _loads(experiment, needed)
    if metric in _OF_SERVICES and kind_of(experiment) is Kind.BATCH:
        return Lack("a batch program has none", "", ())
    if metric == metrics.STARTUP_DATA.name and kind_of(experiment) is Kind.WORKER:
        return Lack("a worker is asked for no data", "", ())
    if metric == metrics.STARTUP_DATA.name and not experiment.service.HasField("first_data"):
        path = ("service", "first_data")
        return Lack("no request is the first for data", "add `service.first_data`", path)
    if metric == metrics.RSS_IDLE.name and experiment.HasField("load"):
        return _idles(experiment, needed)
    if metric == metrics.MEMORY_HIGH_WATER.name and experiment.HasField("load"):
        return _loads(experiment, needed)
    return _blocks(experiment, needed)


def blocks_of(experiment: Experiment) -> int:
    """The most blocks that a run can have: by their number, and by the time that they take."""
    plan = experiment.plan
    most = plan.blocks or min(plan.maximum_blocks or LOOKS[-1], LOOKS[-1])
    if not plan.maximum_seconds:
        return most
    passed = 0.0
    for block in range(1, most + 1):
        if passed > plan.maximum_seconds:
            return block - 1
        passed += _least_seconds(experiment, block)
    return most


def _least_seconds(experiment: Experiment, block: int) -> float:
    """What a block takes at least: the phases whose length the plan states."""
    if kind_of(experiment) is Kind.BATCH:
        return 0.0
    plan = experiment.plan
    loaded = plan.load_every > 0 and (block - 1) % plan.load_every == 0
    trial = plan.idle_seconds
    if experiment.HasField("load") and loaded:
        trial = experiment.load.duration_seconds + plan.settle_seconds
    return trial * len(experiment.variants)


def _of_builds(variant: Variant, needed: int) -> Lack | None:
    if not variant.HasField("build"):
        path = ("variants", variant.name)
        return Lack(f"{variant.name} is not built here", "give it a `build`", path)
    timed = variant.build.clean_repetitions
    if timed >= needed:
        return None
    return Lack(
        f"{variant.name} is built {_times(timed)} without a cache, and an interval takes {needed}",
        f"`clean_repetitions: {needed}`",
        ("variants", variant.name, "build", "clean_repetitions"),
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _of_image(variant: Variant) -> Lack | None:
    if not variant.HasField("command"):
        return None
    path = ("variants", variant.name)
    return Lack(f"{variant.name} is a command and has no image", "give it an `image`", path)


def _of_load(experiment: Experiment, metric: str, variant: Variant) -> Lack | None:
    """What the load itself rules out, however often it is applied."""
    if kind_of(experiment) is Kind.WORKER:
        return Lack("a worker is put under no load", "", ())
    if not experiment.HasField("load"):
        return Lack("the experiment applies no load", "add `load`", ("load",))
    load = experiment.load
    hidden, rising = not gives_series(load.driver), load.rate_to_per_second > 0
    if metric in _WHOLE_LOAD and not hidden:
        drivers = " or ".join(without_series())
        return Lack(f"it is measured only where {drivers} applies the load", "", ("load", "driver"))
    if metric == metrics.RATE_HELD.name and not rising:
        path = ("load", "rate")
        return Lack("the rate of the load does not rise", "`load.rate: {from: …, to: …}`", path)
    if metric in STEADY_METRICS or metric == _FIRST:
        if rising:
            reason = "no throughput is the server's own while the rate of the load rises"
            return Lack(reason, "leave out `load.rate.to`", ("load", "rate"))
        if hidden and not (metric == _FIRST and _covers_first(load)):
            reason = f"{load.driver} gives no series, so that no steady state is known"
            return Lack(reason, f"leave out `load.driver: {load.driver}`", ("load", "driver"))
    if metric == _FIRST and not _covers_first(load):
        reason = f"no windows of the load cover its first {FIRST_SECONDS:g} s"
        change = f"`load.duration: {FIRST_SECONDS:g}s` and `load.first_window: 100ms`"
        return Lack(reason, change, ("load", "duration"))
    if metric in STEADY_METRICS:
        return _of_steady(load, variant)
    return None


def _of_steady(load: Load, variant: Variant) -> Lack | None:
    seconds = load.duration_seconds
    path = ("load", "duration")
    if seconds < _NEARLY * SHORTEST_SECONDS:
        reason = f"{seconds:g} s of load are too short to know a steady state"
    elif variant.compilation in MAY_HAVE_JIT and is_too_short_for_jit(seconds):
        reason = (
            f"{seconds:g} s of load are too short for {variant.name}, since a JIT is believed to "
            f"be warm after {JIT_SECONDS:g} s"
        )
    elif _cells(load) < 2 * MINIMUM_SEGMENT:
        reason = f"{seconds:g} s of load have too few windows to know a steady state"
        return Lack(reason, "`load.window: 1s`", ("load", "window"))
    else:
        return None
    return Lack(reason, "`load.duration: 60s`", path)


def _edges(load: Load) -> Iterator[tuple[float, float]]:
    """Begin and width of each window, as a load driver cuts them."""
    fine, coarse = load.first_window_seconds or 0.1, load.window_seconds or GRID_SECONDS
    begin, end = 0.0, load.duration_seconds
    while begin < end - 1e-9:
        width = fine if begin < FINE_SECONDS - 1e-9 else coarse
        if end - (begin + width) < width / 2:
            width = end - begin
        yield begin, width
        begin += width


def _covers_first(load: Load) -> bool:
    if not gives_series(load.driver):
        # One window, as long as the load.
        return _NEARLY * FIRST_SECONDS <= load.duration_seconds <= FIRST_SECONDS
    covered = sum(width for begin, width in _edges(load) if begin + width <= FIRST_SECONDS + 1e-3)
    return covered >= _NEARLY * FIRST_SECONDS


def _cells(load: Load) -> int:
    """How many cells a course is judged on, joined from windows as the analysis joins them."""
    windows = list(_edges(load))
    seconds = load.duration_seconds
    later = next(width for begin, width in reversed(windows) if begin <= 0.75 * seconds)
    wide = max(min(GRID_SECONDS, seconds / GRID_CELLS), later)
    cells, joined = 0, 0.0
    for _, width in windows:
        joined += width
        if joined >= 0.99 * wide:
            cells, joined = cells + 1, 0.0
    return cells


def _loads(experiment: Experiment, needed: int) -> Lack | None:
    blocks, every = blocks_of(experiment), experiment.plan.load_every
    found = math.ceil(blocks / every) if every else 0
    if found >= needed:
        return None
    what = f"{_stated(experiment, blocks)} with `load_every: {every}` give {_trials(found)} "
    what += f"under load, and an interval takes {needed}"
    return _more(experiment, what, (needed - 1) * every + 1, every, (blocks - 1) // (needed - 1))


def _idles(experiment: Experiment, needed: int) -> Lack | None:
    blocks, every = blocks_of(experiment), experiment.plan.load_every
    found = blocks - math.ceil(blocks / every) if every else blocks
    if found >= needed:
        return None
    if every == 1:
        reason = "load is applied in every block, and idle memory is measured in the others"
        return Lack(reason, "`plan.load_every: 2`", ("plan", "load_every"))
    least = next(count for count in range(blocks, 10_000) if count - -(-count // every) >= needed)
    what = f"{_stated(experiment, blocks)} with `load_every: {every}` give {_trials(found)} "
    return _more(experiment, f"{what}without load, and an interval takes {needed}", least, every, 0)


def _blocks(experiment: Experiment, needed: int) -> Lack | None:
    blocks = blocks_of(experiment)
    if blocks >= needed:
        return None
    what = f"the plan has {_stated(experiment, blocks)}, and an interval takes {needed}"
    return _more(experiment, what, needed, 0, 0)


def _more(experiment: Experiment, reason: str, blocks: int, every: int, oftener: int) -> Lack:
    """More blocks; or, where that is enough, load in more of them, idle memory still in others."""
    plan = experiment.plan
    if _is_cut(experiment):
        needed = f"`plan.maximum.time` long enough for {blocks} blocks"
        return Lack(reason, needed, ("plan", "maximum", "time"))
    if not plan.blocks:
        return Lack(reason, f"`plan.maximum.blocks: {blocks}`", ("plan", "maximum", "blocks"))
    change = f"`plan.blocks: {blocks}`"
    if 1 < oftener < every:
        change += f" or `plan.load_every: {oftener}`"
        return Lack(reason, change, ("plan", "load_every"))
    return Lack(reason, change, ("plan", "blocks"))


def _is_cut(experiment: Experiment) -> bool:
    """Whether the time ends a run before its number of blocks does."""
    plan = experiment.plan
    return blocks_of(experiment) < (plan.blocks or min(plan.maximum_blocks or LOOKS[-1], LOOKS[-1]))


def _stated(experiment: Experiment, blocks: int) -> str:
    count = "1 block" if blocks == 1 else f"{blocks} blocks"
    if _is_cut(experiment):
        return f"{count} (no later one begins within {experiment.plan.maximum_seconds:g} s)"
    return count if experiment.plan.blocks else f"at most {count}"


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
