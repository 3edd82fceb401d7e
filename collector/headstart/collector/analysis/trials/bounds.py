"""Between which values a trial lay that was disturbed, told from its own record.

A disturbed start took at most what was measured: others only add to it. It took at least what
is left when the wait and what neighbours make CPU time grow by are taken away, and it cannot
have taken less than its own CPU time needs on all the CPUs that it may use. What a hypervisor
takes is not seen. docs/METHODOLOGY.md, Bounds, derives both.
"""

import math
from dataclasses import replace

from headstart.collector.analysis.trials.trial_records import Trial
from headstart.v1.records_pb2 import Flag, FlagEffect, Startup, TrialOutcome
from headstart.words.flags import FlagCode
from headstart.words.metric import Stage

# By so much neighbours make the CPU time of a start grow at most, by the caches, the memory
# and the core's other thread that they share with it: `python -m bench disturbed`.
CPU_GROWTH = 1.5

# The fastest and the slowest that the trial may have been.
Corners = tuple[Trial, Trial]


def corners_of(trial: Trial, stage: Stage) -> Corners | None:
    """A flagged trial as it would be at both its bounds; None: a flag admits none.

    Only the stamps of the stage differ, so that whatever is taken from them is bounded too.
    """
    if any(flag.effect == FlagEffect.FLAG_EFFECT_TRIAL_INVALID for flag in trial.outcome.flags):
        return None
    if stage is Stage.STARTUP:
        return _of_startup(trial)
    return _of_jobs(trial) if stage is Stage.JOBS else None


def _of_startup(trial: Trial) -> Corners | None:
    startup = trial.outcome.startup
    measured = (trial.first_response_ns - trial.exec_ns) / 1e9
    added, missed = 0.0, 0.0
    for flag in _with(trial, FlagEffect.FLAG_EFFECT_STARTUP_INVALID):
        found = _error(flag, startup)
        if found is None:
            return None
        added += found[0]
        missed += found[1]
    told = startup.disturbance
    busy = told.cpu_seconds / told.cpus / CPU_GROWTH if told.cpus else 0.0
    low = min(max(measured - added - _grown(trial, measured - added), busy), measured)
    if low <= 0:
        return None
    return _with_startup(trial, low), _with_startup(trial, measured + missed)


def _grown(trial: Trial, unwaited: float) -> float:
    """By how much neighbours on its CPUs can have lengthened what the start did not wait for.

    Only work on a CPU grows; where its CPU time is not known, all of it may be that.
    """
    flags = _with(trial, FlagEffect.FLAG_EFFECT_STARTUP_INVALID)
    if all(flag.code != FlagCode.SERVER_RUN_DELAY for flag in flags):
        return 0.0
    used = trial.outcome.startup.disturbance.cpu_seconds or math.inf
    return max(0.0, min(used, unwaited)) * (1 - 1 / CPU_GROWTH)


def _error(flag: Flag, startup: Startup) -> tuple[float, float] | None:
    """At most so many seconds of a start are not the app's, and so many are missing."""
    told = startup.disturbance
    match flag.code:
        case FlagCode.SERVER_RUN_DELAY:
            return (told.waited_seconds if told.HasField("waited_seconds") else math.inf), 0.0
        case FlagCode.PROBE_ERROR if startup.HasField("disturbance"):
            return told.probe_error_seconds, 0.0
        case FlagCode.REQUEST_UNANSWERED if startup.HasField("disturbance"):
            return told.unanswered_seconds, 0.0
        case FlagCode.EXEC_STAMPS_DISAGREE:
            late_ns = startup.exec_kernel_monotonic_ns - startup.exec_monotonic_ns
            # The end of execve before its beginning: one of them is wrong.
            return (late_ns / 1e9, 0.0) if late_ns > 0 else None
        case FlagCode.EXIT_STAMPS_DISAGREE:
            return _exit_error(
                startup.first_correct_response_monotonic_ns, startup.exit_kernel_monotonic_ns
            )
    return None


def _exit_error(told_ns: int, kernel_ns: int) -> tuple[float, float]:
    """The exit lies between the agent's stamp and the kernel's, where there is one."""
    late = (told_ns - kernel_ns) / 1e9 if kernel_ns else 0.0
    return max(late, 0.0), max(-late, 0.0)


def _with_startup(trial: Trial, seconds: float) -> Trial:
    """The answer with data came after the first correct one: it is as early as that may be."""
    outcome = _copy(trial)
    startup = outcome.startup
    shift_ns = trial.exec_ns + round(seconds * 1e9) - startup.first_correct_response_monotonic_ns
    startup.first_correct_response_monotonic_ns += shift_ns
    if startup.first_data_response_monotonic_ns and shift_ns < 0:
        startup.first_data_response_monotonic_ns = startup.first_correct_response_monotonic_ns
    return replace(trial, outcome=outcome)


def _of_jobs(trial: Trial) -> Corners | None:
    flags = _with(trial, FlagEffect.FLAG_EFFECT_LOAD_INVALID)
    if any(flag.code != FlagCode.EXIT_STAMPS_DISAGREE for flag in flags):
        return None
    fast, slow = _copy(trial), _copy(trial)
    for job, fastest, slowest in zip(trial.outcome.jobs, fast.jobs, slow.jobs, strict=True):
        added, missed = _exit_error(job.exit_monotonic_ns, job.exit_kernel_monotonic_ns)
        fastest.duration_seconds -= added
        slowest.duration_seconds += missed
        if fastest.duration_seconds <= 0:
            return None
    return replace(trial, outcome=fast), replace(trial, outcome=slow)


def _with(trial: Trial, effect: FlagEffect.ValueType) -> list[Flag]:
    return [flag for flag in trial.outcome.flags if flag.effect == effect]


def _copy(trial: Trial) -> TrialOutcome:
    outcome = TrialOutcome()
    outcome.CopyFrom(trial.outcome)
    return outcome
