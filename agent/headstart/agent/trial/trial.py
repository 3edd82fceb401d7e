"""One trial: a fresh instance, its phases, its evidence; nothing of it stays behind."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from headstart.agent.cancellation import Cancellation, Cancelled, apart
from headstart.agent.deadline import Deadline
from headstart.agent.http.app_tls import client_context
from headstart.agent.http.check_runner import CheckRun, run_checks
from headstart.agent.http.container_checks import CheckContainers
from headstart.agent.instances import LOOPBACK, CompanionSpec, InstanceSpec, RuntimeFault
from headstart.agent.linux.cgroup import open_cgroup
from headstart.agent.linux.exit_accounting import ExitAccounting
from headstart.agent.linux.proc_connector import ProcConnector
from headstart.agent.linux.sysfs import drop_page_cache
from headstart.agent.load.driver import LoadDriver, LoadTask, PreparedLoad
from headstart.agent.load.scratch import scratch
from headstart.agent.load.validity import load_flags
from headstart.agent.probe.prober import Prober
from headstart.agent.runtimes.runtime import Checker, ChecksSpec, Instance, Runtime
from headstart.agent.sampling.memory import phase_memory
from headstart.agent.sampling.sampler import Sampler
from headstart.agent.trial.companion_use import failed_beside, record_beside
from headstart.agent.trial.denials import deferred
from headstart.agent.trial.startup import measure_startup
from headstart.agent.trial.startup_failures import wrote_nothing
from headstart.agent.trial.still import Lateness, still_flags
from headstart.agent.uplink.wire import AnyRecord
from headstart.v1.experiment_pb2 import Experiment, Network, PageCache
from headstart.v1.records_pb2 import (
    CheckStage,
    Failure,
    FailureCode,
    Flag,
    FlagEffect,
    LoadSummary,
    Phase,
    ResolvedVariant,
    TrialOutcome,
    TrialStarted,
)
from headstart.words.flags import FlagCode
from headstart.words.readiness import own_ports_of, stated

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Slot:
    """Where a trial stands in the plan."""

    trial: int
    block: int
    position: int
    variant: ResolvedVariant
    load: bool


@dataclass
class TrialContext:
    """What the trials of a run share. `doing` takes words for the progress."""

    run_id: str
    attempt: int
    experiment: Experiment
    prober: Prober
    connector: ProcConnector | None
    # Whether the host's policy lets checks be commands.
    commands_allowed: bool
    # The driver of the load, or why there is none.
    driver: LoadDriver | Failure | None
    emit: Callable[[AnyRecord], None]
    cancelled: Cancellation
    doing: Callable[[str], None]
    # Called at the end of each phase that the app survived, after its memory was read.
    phase_ended: Callable[[Phase.ValueType, Instance], None] = lambda _phase, _instance: None
    # For batch programs.
    exits: ExitAccounting | None = None
    # What stands beside the app in every trial.
    beside: Sequence[CompanionSpec] = ()
    # Runs checks that are containers, which are resolved here by name.
    checker: Checker | None = None
    check_containers: Mapping[str, ResolvedVariant] = field(default_factory=dict)


class Ended(Exception):
    """The trial is over before its plan was."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass
class TrialResult:
    """The outcome that was emitted, and the answers to the checks for comparison."""

    outcome: TrialOutcome
    checks: Sequence[CheckRun]
    stage: CheckStage.ValueType


def begin_trial(slot: Slot, runtime: Runtime, context: TrialContext) -> TrialOutcome:
    """Emit that it began; its outcome, still to be filled."""
    context.emit(
        TrialStarted(
            trial=slot.trial,
            block=slot.block,
            position=slot.position,
            variant=slot.variant.variant,
            runtime=runtime.name,
            unix_ns=time.time_ns(),
            monotonic_ns=time.monotonic_ns(),
            page_cache=context.experiment.plan.page_cache,
        )
    )
    return TrialOutcome(
        trial=slot.trial,
        block=slot.block,
        position=slot.position,
        variant=slot.variant.variant,
        digest=slot.variant.digest,
        started_monotonic_ns=time.monotonic_ns(),
    )


def end_trial(outcome: TrialOutcome, context: TrialContext) -> None:
    """Emit what came of it."""
    outcome.ended_monotonic_ns = time.monotonic_ns()
    context.emit(outcome)


@contextmanager
def ending_in(outcome: TrialOutcome) -> Iterator[None]:
    """Whatever ends a trial before its time is its failure, and costs no other trial.

    An error of ours too: measured programs may be hostile, and what they make of a reader
    that nobody thought of is theirs. Where the records cannot be stored, the outcome
    cannot be either, which ends the run.
    """
    try:
        yield
    except (RuntimeFault, Ended, Cancelled) as reason:
        outcome.failure.CopyFrom(failure_of(reason))
    except Exception as error:
        log.exception("trial %d of %s", outcome.trial, outcome.variant)
        outcome.failure.CopyFrom(
            Failure(
                code=FailureCode.FAILURE_CODE_AGENT,
                message=f"the agent failed in this trial: {type(error).__name__}: {error}",
            )
        )


def run_trial(slot: Slot, runtime: Runtime, context: TrialContext) -> TrialResult:
    """Run one trial and emit its records; faults of the app or the host are in the outcome."""
    plan, service = context.experiment.plan, context.experiment.service
    outcome = begin_trial(slot, runtime, context)
    spec = InstanceSpec(
        run_id=context.run_id,
        attempt=context.attempt,
        trial=slot.trial,
        variant=slot.variant,
        plan=plan,
        port=service.port,
        own_ports={port: stated(path) for port, path in own_ports_of(service).items()},
        address=service.address or LOOPBACK,
        beside=context.beside,
    )
    if context.beside:
        context.doing("waiting for what stands beside it")
    trial = _Trial(slot, context, outcome, runtime.name)
    with ending_in(outcome), ExitStack() as ending:
        instance = runtime.create(spec)
        ending.callback(instance.stop)
        ending.callback(trial.look_back, instance)
        trial.measure(instance)
    end_trial(outcome, context)
    return TrialResult(outcome, trial.checks, trial.stage)


class _Trial:
    """The phases of one trial, in their order, filling its outcome."""

    def __init__(
        self, slot: Slot, context: TrialContext, outcome: TrialOutcome, runtime: str
    ) -> None:
        self.slot = slot
        self.runtime = runtime
        self.context = context
        self.outcome = outcome
        self.checks: list[CheckRun] = []
        self.late = Lateness()
        # Of the app's answers, as far as the prober has seen.
        self.has_reason_phrases = True
        self.stage = (
            CheckStage.CHECK_STAGE_AFTER_LOAD if slot.load else CheckStage.CHECK_STAGE_BEFORE_LOAD
        )

    def measure(self, instance: Instance) -> None:
        plan = self.context.experiment.plan
        if plan.page_cache == PageCache.PAGE_CACHE_COLD and (
            reason := apart(drop_page_cache, self.context.cancelled)
        ):
            self._note(FlagCode.PAGE_CACHE_NOT_DROPPED, reason)
        self._note_network(instance.network)
        for text in instance.notes:
            self._note(FlagCode.PLAN_NOT_APPLIED, text)
        sampler = Sampler(
            self.slot.trial,
            instance.pids,
            instance.cgroup,
            plan.sample_interval_seconds,
            self.context.emit,
        )
        with ExitStack() as ending:
            ending.callback(self._stop, sampler)
            load = self._prepare_load(instance, sampler, ending) if self.slot.load else None
            self._startup(instance, sampler)
            if self.slot.load:
                self._load(instance, sampler, load)
                self._rest(instance, sampler, Phase.PHASE_SETTLED, plan.settle_seconds)
            else:
                self._rest(instance, sampler, Phase.PHASE_IDLE, plan.idle_seconds)
            if not self._runs_tests():
                self._check(instance)
        # Minutes of work that are nobody's figures, and keep the sampler from its grid.
        if self._runs_tests():
            self._check(instance)

    def look_back(self, instance: Instance) -> None:
        """Take what can be seen as long as the instance is there, however the trial ended."""
        self.outcome.output_tail = instance.output_tail(4096)
        record_beside(self.outcome, instance)
        self._count_oom_kills(instance)

    def _note_network(self, network: Network.ValueType) -> None:
        """Which one it was; a command has the host's whatever the plan says."""
        self.outcome.network = network
        asked = self.context.experiment.plan.network or Network.NETWORK_OWN
        if (asked, network) == (Network.NETWORK_OWN, Network.NETWORK_HOLDER):
            self._note(
                FlagCode.NETWORK_NOT_ENTERED,
                "the app was in the engine's bridge and not in a network of its own, which this"
                " agent may not enter (root, or the capability CAP_SYS_ADMIN)",
            )

    def _count_oom_kills(self, instance: Instance) -> None:
        """Of processes that were not the first: an app may live on without them."""
        if instance.cgroup is None:
            return
        with closing(open_cgroup(instance.cgroup)) as cgroup:
            kills = cgroup.oom_kills() or 0
        self.outcome.oom_kills = kills
        if kills:
            self._note(
                FlagCode.PROCESSES_KILLED, f"{kills} of its processes were killed: out of memory"
            )

    def _stop(self, sampler: Sampler) -> None:
        summary = sampler.stop()
        self.outcome.samples = summary.samples
        self.outcome.missed_slots = summary.missed_slots
        interval = self.context.experiment.plan.sample_interval_seconds
        self.outcome.flags.extend(still_flags(summary.gaps, self.late.seconds, interval))
        if summary.unread_processes:
            self._note(
                FlagCode.PROCESSES_NOT_READ,
                f"{summary.unread_processes} of its processes were too many to be read: its RSS"
                " and counters by process are at least what is shown, those of its group are whole",
            )

    def _prepare_load(
        self, instance: Instance, sampler: Sampler, ending: ExitStack
    ) -> PreparedLoad | None:
        """The load, ready to begin with the first correct response; None without a driver."""
        driver = self.context.driver
        if driver is None or isinstance(driver, Failure):
            return None
        load = self.context.experiment.load
        # One that is named is that of the request which stands in for a load.
        own = next((each.check.port for each in load.requests if each.check.port), 0)
        task = LoadTask(
            load=load,
            trial=self.slot.trial,
            address=instance.address,
            port=own or self.context.experiment.service.port,
            cpus=self.context.experiment.plan.load_cpus,
            scratch=ending.enter_context(scratch()),
            server_alive=lambda: instance.exited() is None and failed_beside(instance) is None,
            cancelled=self.context.cancelled.is_set,
            on_started=sampler.watch_generator,
            on_ended=lambda: self._phase_memory(Phase.PHASE_LOAD, instance, sampler),
            namespace=instance.namespace,
            has_reason_phrases=lambda: self.has_reason_phrases,
        )
        return ending.enter_context(closing(driver.prepare(task)))

    def _startup(self, instance: Instance, sampler: Sampler) -> None:
        self.context.doing("startup")

        def gate_opened(opened_ns: int) -> None:
            sampler.begin_phase(Phase.PHASE_STARTUP)
            sampler.start(opened_ns)

        started = measure_startup(
            instance,
            self.context.prober,
            self.context.connector,
            self.context.experiment.service,
            self.context.experiment.plan,
            self.context.cancelled.is_set,
            on_gate_opened=gate_opened,
        )
        self.has_reason_phrases = started.has_reason_phrases
        self.outcome.startup.CopyFrom(started.startup)
        self.outcome.flags.extend(started.flags)
        if (beside := failed_beside(instance)) is not None:
            raise Ended(beside)
        if started.failure is not None:
            raise Ended(deferred(started.failure, self.slot.variant, self.runtime))
        self._phase_memory(Phase.PHASE_STARTUP, instance, sampler)

    def _load(self, instance: Instance, sampler: Sampler, load: PreparedLoad | None) -> None:
        if load is None:
            if isinstance(self.context.driver, Failure):
                self._fail_on(self.context.driver)
            return
        sampler.begin_phase(Phase.PHASE_LOAD)
        self.context.doing("load")
        result = load.run()
        for windows in result.windows:
            self.context.emit(windows)
        self.outcome.load.CopyFrom(result.summary)
        self._note_late_load(result.summary)
        server_cpus = self.context.experiment.plan.server_cpus
        self.outcome.flags.extend(load_flags(result.summary, result.windows, server_cpus))
        self._raise_if_ended(instance, "under load")
        if result.failure is not None:
            self._fail_on(result.failure)

    def _note_late_load(self, summary: LoadSummary) -> None:
        """Begun with the first correct response, its memory read when it was over?"""
        if not summary.origin_monotonic_ns:
            return
        phase, begun_ns = Phase.PHASE_LOAD, summary.origin_monotonic_ns
        ready_ns = self.outcome.startup.first_correct_response_monotonic_ns
        self.late.note(phase, ready_ns, begun_ns)
        over_ns = begun_ns + round(summary.duration_seconds * 1e9)
        for memory in self.outcome.memory:
            if memory.phase == phase:
                self.late.note(phase, over_ns, memory.monotonic_ns)

    def _rest(
        self, instance: Instance, sampler: Sampler, phase: Phase.ValueType, seconds: float
    ) -> None:
        """Leave the app alone for a while, then read its memory."""
        words = "idle" if phase == Phase.PHASE_IDLE else "settling"
        sampler.begin_phase(phase)
        self.context.doing(words)
        due_ns = time.monotonic_ns() + round(seconds * 1e9)
        deadline = Deadline(seconds)
        while left := deadline.left():
            self.context.cancelled.wait(min(_POLL_SECONDS, left))
            self._raise_if_ended(instance, words)
        self.late.note(phase, due_ns, time.monotonic_ns())
        self._phase_memory(phase, instance, sampler)

    def _check(self, instance: Instance) -> None:
        service = self.context.experiment.service
        if not service.checks:
            return
        self.context.doing("checks")
        try:
            self.checks = run_checks(
                service.checks,
                instance.address,
                service.port,
                self.slot.trial,
                self.stage,
                working_directory=self.context.experiment.base_directory or None,
                commands_allowed=self.context.commands_allowed,
                tls=client_context(service.tls_verified) if service.tls else None,
                namespace=instance.namespace,
                cancelled=self.context.cancelled,
                containers=self._checks_beside(instance),
            )
        except RuntimeFault:
            # No container can join the network of an app that has ended.
            self._raise_if_ended(instance, "during its checks")
            raise
        for check in self.checks:
            self.context.emit(check.outcome)
        self.outcome.checks_passed = sum(check.outcome.passed for check in self.checks)
        self.outcome.checks_failed = len(self.checks) - self.outcome.checks_passed
        self._raise_if_ended(instance, "during its checks")

    def _runs_tests(self) -> bool:
        checks = self.context.experiment.service.checks
        return any(check.HasField("container") for check in checks)

    def _checks_beside(self, instance: Instance) -> CheckContainers | None:
        context = self.context
        if context.checker is None:
            return None
        spec = ChecksSpec(
            run_id=context.run_id,
            attempt=context.attempt,
            trial=self.slot.trial,
            containers=context.check_containers,
            cpus=context.experiment.plan.load_cpus,
        )
        return context.checker.checks_beside(instance, spec)

    def _phase_memory(self, phase: Phase.ValueType, instance: Instance, sampler: Sampler) -> None:
        if instance.exited() is None:
            self.outcome.memory.append(
                phase_memory(phase, instance.pids(), instance.cgroup, sampler)
            )
            self.context.phase_ended(phase, instance)

    def _raise_if_ended(self, instance: Instance, when: str) -> None:
        if self.context.cancelled.is_set():
            raise Ended(
                Failure(code=FailureCode.FAILURE_CODE_CANCELLED, message="the run was cancelled")
            )
        if (beside := failed_beside(instance)) is not None:
            raise Ended(beside)
        ended = instance.exited()
        if ended is None:
            return
        name = self.slot.variant.variant
        tail = instance.output_tail()
        if (limit := ended.limit()) is not None:
            code, words = limit
            raise Ended(
                Failure(
                    code=code,
                    message=f"{name} was killed {when}: {words}{wrote_nothing(tail)}",
                    exit_status=ended.status,
                    output_tail=tail,
                )
            )
        raise Ended(
            Failure(
                code=FailureCode.FAILURE_CODE_DIED,
                message=f"{name} ended {when} with status {ended.status}{wrote_nothing(tail)}",
                exit_status=ended.status,
                output_tail=tail,
            )
        )

    def _fail_on(self, failure: Failure) -> None:
        """Record a failure of the load and go on: what else can be measured, is."""
        self.outcome.failure.CopyFrom(failure)

    def _note(self, code: FlagCode, text: str) -> None:
        self.outcome.flags.append(Flag(code=code, effect=FlagEffect.FLAG_EFFECT_NOTE, text=text))


def failure_of(fault: RuntimeFault | Ended | Cancelled) -> Failure:
    """Why a trial is over before its plan was, as its outcome tells it."""
    if isinstance(fault, Ended):
        return fault.failure
    if isinstance(fault, Cancelled):
        return Failure(code=FailureCode.FAILURE_CODE_CANCELLED, message=str(fault))
    return Failure(code=fault.code, message=fault.message, output_tail=fault.output_tail)
