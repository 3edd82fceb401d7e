"""How long a run takes: from its plan, corrected by what its trials took.

What a plan cannot say is assumed, and `assumptions` names it: a start takes a second, a job
two or twenty. As soon as a trial of a kind has ended, the next ones are believed to take as long.
"""

import math
from dataclasses import dataclass, field
from statistics import fmean

from headstart.agent.plan.order import has_load
from headstart.v1.experiment_pb2 import Companion, CompanionLife, Experiment
from headstart.words.job_names import JobName
from headstart.words.looks import LOOKS
from headstart.words.readiness import Kind, kind_of

_START_SECONDS = 1.0
_JOB_SECONDS: dict[str, float] = {JobName.SHORT: 2.0, JobName.LONG: 20.0}
# Creating, removing and reading what is there, of a container and of a process.
_ENGINE_SECONDS, _PROCESS_SECONDS = 1.5, 0.3
# The least that a wait for a quiet host takes, which a quiet one also takes at most.
_QUIET_SECONDS = 0.25
_CHECK_SECONDS = 0.1
_COMMAND_SECONDS = 1.0
# A container with tests, from its create call to its removal.
_TESTS_SECONDS = 10.0
# What stands beside the app and is made anew for a trial, from its create call to ready and seeded.
_COMPANION_SECONDS = 2.0
# Bisecting some hundred MiB to one takes about so many, with those that confirm it.
_PROBES = 12
# With `blocks: auto`: most runs need more than the first look.
_LIKELY_LOOK = LOOKS[1]


@dataclass(frozen=True)
class Forecast:
    """In seconds; builds are not in it."""

    likely: float
    least: float
    most: float
    # Blocks behind each, where the run itself decides their number; else all the same.
    blocks: tuple[int, int, int]

    @property
    def is_open(self) -> bool:
        """Whether the run decides by itself when it ends."""
        return self.blocks[0] != self.blocks[2]


def forecast(experiment: Experiment) -> Forecast:
    """From the plan alone."""
    plan = experiment.plan
    cap = plan.blocks or min(plan.maximum_blocks or LOOKS[-1], LOOKS[-1])
    counts = (min(LOOKS[0], cap), min(_LIKELY_LOOK, cap), cap)
    least, likely, most = (cap,) * 3 if plan.blocks else counts
    after = _after_blocks(experiment)
    ends = [_blocks_seconds(experiment, count) + after for count in (likely, least, most)]
    return Forecast(ends[0], ends[1], ends[2], (least, likely, most))


def _blocks_seconds(experiment: Experiment, blocks: int) -> float:
    """No block begins after the plan's time."""
    passed, limit = 0.0, experiment.plan.maximum_seconds or math.inf
    for block in range(1, blocks + 1):
        if passed > limit:
            break
        passed += block_seconds(experiment, has_load(experiment, block))
    return passed


def block_seconds(experiment: Experiment, loaded: bool) -> float:
    """One trial of each variant."""
    return sum(
        trial_seconds(experiment, variant.HasField("command"), loaded)
        for variant in experiment.variants
    )


def trial_seconds(experiment: Experiment, is_command: bool, loaded: bool) -> float:
    """From its create call to its removal."""
    plan, service = experiment.plan, experiment.service
    around = (_PROCESS_SECONDS if is_command else _ENGINE_SECONDS) + min(
        plan.quiet_seconds, _QUIET_SECONDS
    )
    beside = len(_made_anew(experiment)) * _COMPANION_SECONDS
    if kind_of(experiment) is Kind.BATCH:
        executions = 1 + len(service.checks) + sum(job.repeat for job in experiment.jobs)
        jobs = sum(job.repeat * _JOB_SECONDS.get(job.name, 2.0) for job in experiment.jobs)
        return beside + executions * around + (1 + len(service.checks)) * _START_SECONDS + jobs
    seconds = {"command": _COMMAND_SECONDS, "container": _TESTS_SECONDS}
    checks = sum(
        seconds.get(check.WhichOneof("kind") or "", _CHECK_SECONDS) for check in service.checks
    )
    phases = plan.idle_seconds
    if loaded:
        phases = experiment.load.duration_seconds + plan.settle_seconds
    return beside + around + _START_SECONDS + phases + checks


def _made_anew(experiment: Experiment) -> list[Companion]:
    """What stands beside the app and is made for each trial."""
    return [c for c in experiment.beside if c.life != CompanionLife.COMPANION_LIFE_RUN]


def _after_blocks(experiment: Experiment) -> float:
    """Counters in a trial of their own, and the search of memory floors."""
    plan = experiment.plan
    seconds = 0.0
    for variant in experiment.variants:
        around = _PROCESS_SECONDS if variant.HasField("command") else _ENGINE_SECONDS
        if plan.runtime_counters and kind_of(experiment) is not Kind.BATCH:
            seconds += around + _START_SECONDS + experiment.load.duration_seconds
            seconds += 0.0 if experiment.HasField("load") else plan.idle_seconds
        if plan.memory_floor:
            load = plan.memory_floor_load_seconds or 3.0
            if experiment.HasField("load"):
                load = min(load, experiment.load.duration_seconds)
            probes = _PROBES * (around + _START_SECONDS + load)
            seconds += min(probes, plan.memory_floor_maximum_seconds or math.inf)
    return seconds


def assumptions(experiment: Experiment) -> list[str]:
    """What the forecast supposes because nobody can know it, a clause each."""
    found = [f"each start takes {_START_SECONDS:g} s"]
    found += [f"a {job.name} job {_JOB_SECONDS.get(job.name, 2.0):g} s" for job in experiment.jobs]
    if any(check.HasField("command") for check in experiment.service.checks):
        found.append(f"each command that checks {_COMMAND_SECONDS:g} s")
    if any(check.HasField("container") for check in experiment.service.checks):
        found.append(f"each container that checks {_TESTS_SECONDS:g} s")
    if _made_anew(experiment):
        found.append(f"each service of `beside` {_COMPANION_SECONDS:g} s")
    if experiment.plan.memory_floor:
        found.append(f"a memory floor {_PROBES} probes")
    if any(variant.HasField("build") for variant in experiment.variants):
        found.append("builds are not in it")
    return found


@dataclass
class TimeLeft:
    """Of a run that goes on; fed with what its trials took."""

    experiment: Experiment
    _took: dict[bool, list[float]] = field(default_factory=dict)
    _done: int = 0

    def trial_took(self, loaded: bool, seconds: float) -> None:
        """A trial has ended, in this time."""
        self._took.setdefault(loaded, []).append(seconds)
        self._done += 1

    def share_and_left(self, block: int, done_in_block: int, variants: int) -> tuple[float, float]:
        """Share that is done (0 to 1) and seconds that are left, after so many trials of a block.

        With `blocks: auto` the next look stands for the end: what comes after it, nobody knows.
        """
        passed = sum(sum(took) for took in self._took.values())
        left = max(0, variants - done_in_block) * self._trial(has_load(self.experiment, block))
        limit = self.experiment.plan.maximum_seconds or float("inf")
        for later in range(block + 1, self._end(block) + 1):
            # No block begins behind the plan's time.
            if passed + left >= limit:
                break
            left += variants * self._trial(has_load(self.experiment, later))
        left += _after_blocks(self.experiment)
        total = passed + left
        return (passed / total if total else 0.0), left

    def _end(self, block: int) -> int:
        plan = self.experiment.plan
        if plan.blocks:
            return plan.blocks
        cap = min(plan.maximum_blocks or LOOKS[-1], LOOKS[-1])
        return next((look for look in LOOKS if block <= look < cap), cap)

    def _trial(self, loaded: bool) -> float:
        """As those of its kind took; else as planned, and by as much longer as the others took."""
        if own := self._took.get(loaded):
            return fmean(own)
        planned = self._planned(loaded)
        if other := self._took.get(not loaded):
            return max(0.0, planned + fmean(other) - self._planned(not loaded))
        return planned

    def _planned(self, loaded: bool) -> float:
        return block_seconds(self.experiment, loaded) / max(1, len(self.experiment.variants))
