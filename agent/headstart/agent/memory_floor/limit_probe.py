"""One probe of a limit: a trial like any other, whose records stay here, and its judgement."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from headstart.agent.load.table import choose
from headstart.agent.memory_floor.search import CannotProbe
from headstart.agent.runtimes.runtime import Runtime
from headstart.agent.trial.batch_trial import run_batch_trial
from headstart.agent.trial.trial import Slot, TrialContext, run_trial
from headstart.v1.experiment_pb2 import (
    Experiment,
    HttpVersion,
    Load,
    PageCache,
    WeightedRequest,
)
from headstart.v1.records_pb2 import (
    Failure,
    FailureCode,
    LoadSummary,
    MemoryFloorStep,
    ResolvedVariant,
    TrialOutcome,
)
from headstart.words.flags import FlagCode
from headstart.words.readiness import Kind, kind_of

# More answers than this that are wrong or never came: it does not do its work.
_BAD_SHARE = 0.01
# A start may take this many times that of the reference, but always some seconds.
_SLOWER_START = 10.0
_LEAST_START_SECONDS = 10.0
# The group also holds page tables and kernel memory: less than this is less than all.
_CHARGED_SHARE = 0.95
_OWN_CONNECTIONS = 4
# Nothing of these is the limit's doing.
_NOT_THE_LIMIT = (
    FailureCode.FAILURE_CODE_CANCELLED,
    FailureCode.FAILURE_CODE_PORT_IN_USE,
    FailureCode.FAILURE_CODE_REFUSED_BY_POLICY,
    FailureCode.FAILURE_CODE_LOAD_DRIVER_MISSING,
    FailureCode.FAILURE_CODE_IMAGE_MISSING,
    FailureCode.FAILURE_CODE_AGENT,
)


@dataclass
class FloorProbe:
    """See `search.Probe`. Those without a tight limit are the reference for the others."""

    variant: ResolvedVariant
    runtime: Runtime
    context: TrialContext
    load_seconds: float
    throughput_share: float
    # Number of the next trial; names of instances bear it.
    trial: int
    doing: Callable[[str], None]
    # The one with the lowest throughput: a busy host shall not be taken for a collapse.
    reference: MemoryFloorStep | None = field(default=None, init=False)
    # What makes the floor less than the truth on this host, in sentences.
    limits: set[str] = field(default_factory=set, init=False)

    def __call__(self, limit_bytes: int) -> MemoryFloorStep:
        """A fresh instance within the limit, put under load and checked."""
        slot = Slot(self.trial, block=0, position=0, variant=self.variant, load=True)
        self.trial += 1
        context = self._context(limit_bytes)
        trial = run_batch_trial if kind_of(context.experiment) is Kind.BATCH else run_trial
        outcome = trial(slot, self.runtime, context).outcome
        step = self._judged(limit_bytes, outcome)
        slowest = self.reference
        if (
            not limit_bytes
            and step.serves
            and (slowest is None or step.throughput_per_second < slowest.throughput_per_second)
        ):
            self.reference = step
        return step

    def _context(self, limit_bytes: int) -> TrialContext:
        size = f"{limit_bytes / 2**20:.1f} MiB" if limit_bytes else "no tight limit"
        experiment = _experiment(self.context.experiment, limit_bytes, self.load_seconds)
        if self.reference is not None:
            service, slowest = experiment.service, _SLOWER_START * self.reference.startup_seconds
            bound = max(slowest, _LEAST_START_SECONDS)
            service.startup_timeout_seconds = min(service.startup_timeout_seconds or bound, bound)
        return replace(
            self.context,
            experiment=experiment,
            driver=choose(experiment.load) if kind_of(experiment) is Kind.SERVICE else None,
            emit=lambda _record: None,
            doing=lambda words: self.doing(f"memory floor, {size}: {words}"),
        )

    @property
    def _work(self) -> str:
        return "jobs" if kind_of(self.context.experiment) is Kind.BATCH else "correct responses"

    def _judged(self, limit_bytes: int, outcome: TrialOutcome) -> MemoryFloorStep:
        memory, jobs = outcome.memory, outcome.jobs
        step = MemoryFloorStep(
            limit_bytes=limit_bytes,
            throughput_per_second=_throughput(outcome),
            startup_seconds=_startup_seconds(outcome),
            rss_peak_bytes=max(
                [*(m.rss_peak_bytes for m in memory), *(j.high_water_bytes for j in jobs)],
                default=0,
            ),
            cgroup_peak_bytes=max(
                [*(m.cgroup_peak_bytes for m in memory), *(j.cgroup_peak_bytes for j in jobs)],
                default=0,
            ),
        )
        failure = _failure(outcome)
        if failure is not None and failure.code in _NOT_THE_LIMIT:
            raise CannotProbe(failure.message)
        for flag in outcome.flags:
            if limit_bytes and flag.code == FlagCode.PLAN_NOT_APPLIED:
                raise CannotProbe(flag.text)
            if flag.code == FlagCode.PAGE_CACHE_NOT_DROPPED:
                self.limits.add(f"files that were cached before are not counted: {flag.text}")
        if failure is not None:
            step.failure = failure.code
            step.reason = failure.message
        elif limit_bytes and self.reference is not None:
            least = self.throughput_share * self.reference.throughput_per_second
            if step.throughput_per_second < least:
                step.reason = (
                    f"{step.throughput_per_second:.3g} {self._work}/s; without a tight limit"
                    f" there were {self.reference.throughput_per_second:.3g}/s, of which"
                    f" {self.throughput_share:.0%} are asked for"
                )
        step.serves = not step.reason
        if limit_bytes and step.serves and _charged_elsewhere(outcome):
            self.limits.add(
                "files that another container had in use were not counted in some probes, so"
                " that it may need more"
            )
        return step


def _experiment(original: Experiment, limit_bytes: int, load_seconds: float) -> Experiment:
    """The same with this limit, a short load, and no rests.

    Tests in a container of their own take minutes, and there are a dozen probes.
    """
    experiment = Experiment()
    experiment.CopyFrom(original)
    checks = [each for each in original.service.checks if not each.HasField("container")]
    del experiment.service.checks[:]
    experiment.service.checks.extend(checks)
    plan = experiment.plan
    plan.memory_limit_bytes = limit_bytes or plan.memory_limit_bytes
    # A cached page stands in the account of whoever read it first, perhaps of an
    # instance that is gone: only what is read anew counts against this limit.
    plan.page_cache = PageCache.PAGE_CACHE_COLD
    plan.idle_seconds = plan.settle_seconds = plan.quiet_seconds = 0.0
    kind = kind_of(experiment)
    if kind is Kind.WORKER:
        # There is nothing to ask of it: it is to live on for as long.
        plan.settle_seconds = load_seconds
        return experiment
    if kind is Kind.BATCH:
        del experiment.jobs[1:]
        for job in experiment.jobs:
            job.repeat = 1
        return experiment
    if not experiment.HasField("load"):
        experiment.load.CopyFrom(own_load(experiment))
    load = experiment.load
    load.duration_seconds = min(load.duration_seconds or load_seconds, load_seconds)
    load.window_seconds = min(load.window_seconds, load_seconds)
    load.first_window_seconds = min(load.first_window_seconds, load.window_seconds)
    return experiment


def own_load(experiment: Experiment) -> Load:
    """The load of an experiment that has none."""
    ready = experiment.service.ready.http
    return Load(
        requests=[WeightedRequest(check=ready, weight=1)],
        connections=_OWN_CONNECTIONS,
        tls=ready.tls if ready.port else experiment.service.tls,
        window_seconds=1.0,
        first_window_seconds=0.1,
        http_version=HttpVersion.HTTP_VERSION_1_1,
    )


def _failure(outcome: TrialOutcome) -> Failure | None:
    """What of a trial means that the app did not serve; None: it did, fast or slowly."""
    if outcome.HasField("failure"):
        return outcome.failure
    if outcome.oom_kills:
        return Failure(
            code=FailureCode.FAILURE_CODE_OUT_OF_MEMORY,
            message=f"{outcome.oom_kills} of its processes were killed: out of memory",
        )
    if outcome.checks_failed:
        return Failure(
            code=FailureCode.FAILURE_CODE_CHECK_FAILED,
            message=f"{outcome.checks_failed} of its checks failed",
        )
    load = outcome.load
    bad, asked = load.incorrect + load.failed, load.completed + load.failed
    if bad > _BAD_SHARE * asked:
        return Failure(
            code=FailureCode.FAILURE_CODE_CHECK_FAILED,
            message=f"{bad} of {asked} requests were answered wrongly or not at all: "
            f"{load.first_fault}",
        )
    return None


def _charged_elsewhere(outcome: TrialOutcome) -> bool:
    """Whether the group was charged for less than its one process had resident."""
    return any(
        memory.processes == 1
        and 0 < memory.cgroup_peak_bytes < _CHARGED_SHARE * memory.rss_peak_bytes
        for memory in outcome.memory
    )


def _throughput(outcome: TrialOutcome) -> float:
    if outcome.jobs:
        return len(outcome.jobs) / sum(job.duration_seconds for job in outcome.jobs)
    load: LoadSummary = outcome.load
    if not load.duration_seconds:
        return 0.0
    return max(load.completed - load.incorrect, 0) / load.duration_seconds


def _startup_seconds(outcome: TrialOutcome) -> float:
    startup = outcome.startup
    began = (
        startup.exec_monotonic_ns
        or startup.exec_kernel_monotonic_ns
        or startup.start_call_monotonic_ns
    )
    first = startup.first_correct_response_monotonic_ns
    return (first - began) / 1e9 if first and began else 0.0
