"""One trial of a batch program: its trivial case, its jobs and its checks.

Each of them is an execution of its own, a fresh process or container from exec to
exit. The trivial case (`service.ready`) is the start; a job is timed in each of its
repetitions; a check is only looked at.
"""

from collections.abc import Sequence

from headstart.agent.cancellation import apart
from headstart.agent.host.quiet import IDLE_SHARE, wait_until_quiet
from headstart.agent.http.check_runner import CheckRun
from headstart.agent.instances import InstanceSpec
from headstart.agent.linux.sysfs import drop_page_cache
from headstart.agent.runtimes.runtime import Runtime
from headstart.agent.trial.batch_outcomes import check_run, did_not_start, unfinished, wrong
from headstart.agent.trial.companion_use import failed_beside, record_beside
from headstart.agent.trial.denials import deferred
from headstart.agent.trial.execution import Execution, Watch, execute, exit_stamps
from headstart.agent.trial.trial import (
    Ended,
    Slot,
    TrialContext,
    TrialResult,
    begin_trial,
    end_trial,
    ending_in,
)
from headstart.v1.experiment_pb2 import BatchJob, CommandCheck, PageCache
from headstart.v1.records_pb2 import (
    CheckStage,
    ExecStamp,
    Flag,
    FlagEffect,
    Job,
    Phase,
    PhaseMemory,
    TrialOutcome,
)
from headstart.words.flags import FlagCode
from headstart.words.job_names import JobName

_VARIES: dict[str, FlagCode] = {JobName.SHORT: FlagCode.SHORT_OUTPUT_VARIES}
_STARTUP_INVALID = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
_LOAD_INVALID = FlagEffect.FLAG_EFFECT_LOAD_INVALID
_STAGE = CheckStage.CHECK_STAGE_AFTER_LOAD
_TAIL_BYTES = 4096


def run_batch_trial(slot: Slot, runtime: Runtime, context: TrialContext) -> TrialResult:
    """Run one trial and emit its records; faults of the program or the host are in the outcome."""
    outcome = begin_trial(slot, runtime, context)
    trial = _BatchTrial(slot, runtime, context, outcome)
    with ending_in(outcome):
        trial.measure()
    end_trial(outcome, context)
    return TrialResult(outcome, trial.checks, _STAGE)


class _BatchTrial:
    def __init__(
        self, slot: Slot, runtime: Runtime, context: TrialContext, outcome: TrialOutcome
    ) -> None:
        self.slot = slot
        self.runtime = runtime
        self.context = context
        self.outcome = outcome
        self.checks: list[CheckRun] = []
        self.watch = Watch(context.connector, context.exits, context.cancelled.is_set)
        # Flags that were told once.
        self.told: set[str] = set()

    def measure(self) -> None:
        experiment = self.context.experiment
        self._start()
        for job in experiment.jobs:
            self._job(job)
        for check in experiment.service.checks:
            self.context.doing(f"check {check.name}")
            execution = self._execute(check.command.argv, check.command.timeout_seconds)
            self._raise_if_unfinished(execution, f"check {check.name}", check.command)
            self._checked(check.name, check.command, [execution])

    def _start(self) -> None:
        """The trivial case: what any use of the program costs."""
        service = self.context.experiment.service
        ready, seconds = service.ready.command, service.startup_timeout_seconds
        self.context.doing("startup")
        execution = self._execute(ready.argv, seconds)
        self.outcome.startup.CopyFrom(execution.startup)
        cancelled = self.context.cancelled.is_set()
        if (failure := did_not_start(execution, ready, seconds, cancelled)) is not None:
            raise Ended(deferred(failure, self.slot.variant, self.runtime.name))
        startup = self.outcome.startup
        startup.first_correct_response_monotonic_ns = execution.exit_ns
        startup.exit_kernel_monotonic_ns = execution.exit_kernel_ns
        startup.cpu_seconds = execution.cpu_seconds
        startup.cpu_resolution_seconds = execution.cpu_resolution_seconds
        self.outcome.memory.append(
            PhaseMemory(
                phase=Phase.PHASE_STARTUP,
                rss_peak_bytes=_peak(execution),
                high_water_bytes=execution.high_water_bytes,
                cgroup_peak_bytes=execution.cgroup_peak_bytes,
                monotonic_ns=execution.exit_ns,
                cpu_seconds=execution.cpu_seconds,
            )
        )
        if startup.exec_stamp == ExecStamp.EXEC_STAMP_DEGRADED:
            self._note(
                FlagCode.EXEC_STAMP_DEGRADED,
                "no stamp of the exec: times count from the start call and include the engine",
            )
        self._flag(exit_stamps("its trivial case", [execution], _STARTUP_INVALID))

    def _job(self, job: BatchJob) -> None:
        """Every repetition, then one outcome of the check for all of them."""
        done: list[Execution] = []
        for repetition in range(1, job.repeat + 1):
            self.context.doing(f"{job.name} job, {repetition} of {job.repeat}")
            execution = self._execute(job.command.argv, job.command.timeout_seconds)
            self._raise_if_unfinished(execution, f"its {job.name} job", job.command)
            done.append(execution)
            self.outcome.jobs.append(_record(job.name, execution))
            if wrong(execution, job.command):
                # Its time is that of other work; another one would be no better.
                break
        self._flag(exit_stamps(f"its {job.name} job", done, _LOAD_INVALID))
        if len({execution.written.sha256 for execution in done}) > 1:
            self._note(
                _VARIES.get(job.name, FlagCode.LONG_OUTPUT_VARIES),
                f"the {job.name} job wrote something else in some of its repetitions",
            )
        self._checked(f"{job.name} job", job.command, done)

    def _execute(self, arguments: Sequence[str], timeout_seconds: float) -> Execution:
        plan = self.context.experiment.plan
        if plan.page_cache == PageCache.PAGE_CACHE_COLD and (
            reason := apart(drop_page_cache, self.context.cancelled)
        ):
            self._note(FlagCode.PAGE_CACHE_NOT_DROPPED, reason)
        instance = self.runtime.create(
            InstanceSpec(
                run_id=self.context.run_id,
                attempt=self.context.attempt,
                trial=self.slot.trial,
                variant=self.slot.variant,
                plan=plan,
                port=0,
                batch=True,
                arguments=arguments,
                beside=self.context.beside,
            )
        )
        try:
            for text in instance.notes:
                self._note(FlagCode.PLAN_NOT_APPLIED, text)
            quiet = wait_until_quiet(plan.quiet_seconds, self.context.cancelled.is_set)
            if not quiet.reached and quiet.idle_share >= 0:
                self._note(
                    FlagCode.NOT_QUIET,
                    f"the host was {quiet.idle_share:.0%} idle after {quiet.waited_seconds:.1f} s,"
                    f" less than {IDLE_SHARE:.0%}",
                )
            execution = execute(instance, self.watch, timeout_seconds, plan.sample_interval_seconds)
            execution.startup.quiet_wait_seconds = quiet.waited_seconds
            execution.startup.idle_share = quiet.idle_share
            record_beside(self.outcome, instance)
            if (beside := failed_beside(instance)) is not None:
                raise Ended(beside)
        finally:
            instance.stop()
        self.outcome.output_tail = execution.output_tail[-_TAIL_BYTES:]
        return execution

    def _checked(self, name: str, expected: CommandCheck, done: Sequence[Execution]) -> None:
        run = check_run(self.slot.trial, name, _STAGE, expected, done)
        self.context.emit(run.outcome)
        self.checks.append(run)
        if run.outcome.passed:
            self.outcome.checks_passed += 1
        else:
            self.outcome.checks_failed += 1

    def _raise_if_unfinished(self, execution: Execution, what: str, expected: CommandCheck) -> None:
        cancelled = self.context.cancelled.is_set()
        failure = unfinished(execution, what, expected.timeout_seconds, cancelled)
        if failure is not None:
            raise Ended(failure)

    def _flag(self, flag: Flag | None) -> None:
        if flag is not None:
            self.outcome.flags.append(flag)

    def _note(self, code: FlagCode, text: str) -> None:
        """Once a trial, however many executions it is true of."""
        if code not in self.told:
            self.told.add(code)
            flag = Flag(code=code, effect=FlagEffect.FLAG_EFFECT_NOTE, text=text)
            self.outcome.flags.append(flag)


def _peak(execution: Execution) -> int:
    return max(execution.high_water_bytes, execution.rss_seen_bytes)


def _record(name: str, execution: Execution) -> Job:
    return Job(
        input=name,
        duration_seconds=execution.seconds,
        cpu_seconds=execution.cpu_seconds,
        high_water_bytes=_peak(execution),
        exit_status=execution.ended.status if execution.ended else 0,
        output_sha256=execution.written.sha256,
        cgroup_peak_bytes=execution.cgroup_peak_bytes,
        output_bytes=execution.written.size_bytes,
        exit_monotonic_ns=execution.exit_ns,
        exit_kernel_monotonic_ns=execution.exit_kernel_ns,
    )
