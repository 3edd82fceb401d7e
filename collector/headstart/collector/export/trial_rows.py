"""The row of a trial, and what every row of any table says of the trial that it belongs to."""

from dataclasses import dataclass

from headstart.collector.analysis.trials.ended_trial import outcome_word
from headstart.collector.analysis.trials.figures import readings_of
from headstart.collector.analysis.trials.load import TrialLoad, load_of
from headstart.collector.analysis.trials.loads import is_valid
from headstart.collector.analysis.trials.ramp import ramps_of, rate_readings
from headstart.collector.analysis.trials.start_chain import start_of
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.analysis.trials.validity import Validity, validity_of
from headstart.collector.analysis.verdict.outcomes import invalid_trials
from headstart.collector.analysis.warmup.detection import Course
from headstart.collector.export.layout import METRICS
from headstart.collector.export.rows import Value
from headstart.collector.findings.run_info import RunInfo
from headstart.collector.findings.starts import STAMPS
from headstart.v1.experiments_pb2 import RunState
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import ExecStamp, TrialOutcome
from headstart.words.enums import word
from headstart.words.metric import Stage
from headstart.words.readiness import Kind, kind_of


@dataclass(frozen=True)
class Origin:
    """The run that rows are of. `host` is what it was measured on."""

    info: RunInfo
    host: HostFacts

    def common(self, trial: Trial, ended: bool) -> dict[str, Value]:
        """The columns that every table has; `ended`: the trial has an outcome."""
        experiment = self.info.experiment
        return {
            "run_id": self.info.run_id,
            "attempt": self.info.attempt,
            "experiment": experiment.name,
            "revision": experiment.revision or None,
            "host": self.host.host,
            "fingerprint": self.host.fingerprint,
            "variant": trial.variant,
            "trial": trial.number,
            "block": trial.outcome.block,
            "startup_valid": _valid(trial, Stage.STARTUP) if trial.first_response_ns else None,
            "load_valid": _valid(trial, Stage.LOAD) if _was_loaded(trial) else None,
            "trial_valid": _valid(trial, Stage.ANY) if ended else None,
        }


def trial_row(
    origin: Origin, trial: Trial, ended: bool, decided_jointly: Course | None = None
) -> dict[str, Value]:
    """All that the records say of a trial, in the columns of the table `trials`.

    `decided_jointly`: its course under load, where all trials of its variant together told it.
    """
    experiment, outcome = origin.info.experiment, trial.outcome
    load = None
    if not outcome.HasField("failure"):
        load = load_of(trial, is_valid(trial), decided_jointly)
    failed = outcome.HasField("failure")
    has_status = failed and outcome.failure.HasField("exit_status")
    return {
        **origin.common(trial, ended),
        "position": outcome.position,
        "baseline": experiment.baseline,
        "aa": experiment.aa,
        "run_state": word(RunState, origin.info.state) or None,
        "kind": _kind(origin, trial),
        "outcome": outcome_word(outcome) if ended else "unfinished",
        "failure_message": outcome.failure.message if failed else None,
        "exit_status": outcome.failure.exit_status if has_status else None,
        "answers_wrong": _is_wrong(trial) if ended else None,
        "flags": _flags(trial),
        "runtime": trial.started.runtime or None,
        "digest": outcome.digest or None,
        "exec_stamp": word(ExecStamp, outcome.startup.exec_stamp) or None,
        "began_unix_seconds": trial.started.unix_ns / 1e9 or None,
        "exec_monotonic_ns": trial.exec_ns or None,
        "first_response_monotonic_ns": trial.first_response_ns or None,
        **_start(outcome),
        "duration_seconds": _duration(outcome),
        "checks_passed": outcome.checks_passed if ended else None,
        "checks_failed": _checks_failed(trial) if ended else None,
        "samples": outcome.samples if ended else None,
        "samples_missed": outcome.missed_slots if ended else None,
        "oom_kills": outcome.oom_kills if ended else None,
        **_beside(outcome),
        **_load(trial, load),
        **_figures(origin, trial, load),
    }


def _valid(trial: Trial, part: Stage) -> bool:
    return validity_of(trial, part) is Validity.VALID


def _was_loaded(trial: Trial) -> bool:
    """To its end: of a trial that failed under load there is no figure of it."""
    return trial.outcome.HasField("load") and not trial.outcome.HasField("failure")


def _is_wrong(trial: Trial) -> bool:
    return any(validity_of(trial, part) is Validity.WRONG for part in (Stage.ANY, Stage.LOAD))


def _kind(origin: Origin, trial: Trial) -> str:
    """By the plan, so that it is known of a trial that did not start."""
    experiment = origin.info.experiment
    every = experiment.plan.load_every
    if kind_of(experiment) is Kind.BATCH:
        return "batch"
    loads = experiment.HasField("load") and every > 0 and (trial.outcome.block - 1) % every == 0
    return "load" if loads else "idle"


def _start(outcome: TrialOutcome) -> dict[str, Value]:
    start = start_of(outcome)
    seen = start.stamps if start else {}
    return {
        **{f"start_{stamp.name}_seconds": seen.get(stamp.name) for stamp in STAMPS},
        "start_connect_attempts": start.connect_attempts if start else None,
        "start_incorrect_responses": start.incorrect_responses if start else None,
        "start_log_lines": (start.log_lines or None) if start else None,
        "start_log_bytes": (start.log_bytes or None) if start else None,
        "start_quiet_wait_seconds": start.quiet_wait_seconds if start else None,
        "start_idle_share": start.idle_share if start else None,
        "start_run_delay_seconds": start.server_run_delay_seconds if start else None,
        "start_prober_run_delay_seconds": start.prober_run_delay_seconds if start else None,
        "start_cpu_resolution_seconds": start.cpu_resolution_seconds or None if start else None,
    }


def _beside(outcome: TrialOutcome) -> dict[str, Value]:
    """Lists alike long; 0 was not measured, but of kills."""
    uses = outcome.beside
    return {
        "beside": [use.name for use in uses],
        "beside_ready_seconds": [use.ready_seconds or None for use in uses],
        "beside_cpu_seconds": [use.cpu_seconds or None for use in uses],
        "beside_memory_bytes": [use.memory_bytes or None for use in uses],
        "beside_memory_peak_bytes": [use.memory_peak_bytes or None for use in uses],
        "beside_oom_kills": [use.oom_kills for use in uses],
    }


def _duration(outcome: TrialOutcome) -> float | None:
    began, ended = outcome.started_monotonic_ns, outcome.ended_monotonic_ns
    return (ended - began) / 1e9 if began and ended else None


def _flags(trial: Trial) -> list[str]:
    """Each code once: those of the agent, then what follows from checks and answers."""
    codes = [flag.code for flag in trial.outcome.flags]
    codes += [invalid.code for invalid in invalid_trials([trial])]
    return list(dict.fromkeys(codes))


def _checks_failed(trial: Trial) -> int:
    return max(trial.outcome.checks_failed, len(trial.failing_checks()))


def _load(trial: Trial, load: TrialLoad | None) -> dict[str, Value]:
    summary = trial.outcome.load
    there = trial.outcome.HasField("load")
    return {
        "load_driver": summary.driver or None,
        "load_shape": load.warmup.shape if load else None,
        "load_connections": summary.connections or None,
        "load_seconds": summary.duration_seconds or None,
        "load_completed": summary.completed if there else None,
        "load_incorrect": summary.incorrect if there else None,
        "load_failed": summary.failed if there else None,
        "load_first_fault": summary.first_fault or None,
        "load_driver_completed": summary.driver_completed or None,
        "load_bodies_checked": summary.bodies_checked if there else None,
        "load_bodies_wrong": summary.bodies_wrong if there else None,
        "load_statuses_unread": summary.statuses_untold if there else None,
        "load_seconds_saturated": summary.saturated_seconds if summary.seconds_seen else None,
        "load_rate_per_second": summary.rate_per_second or None,
        "load_send_lateness_p99_seconds": summary.send_lateness_p99_us / 1e6 or None,
        "load_generator_cpus": summary.generator_cpus or None,
        "load_generator_cores": summary.generator_cores or None,
        "load_generator_cpu_seconds": summary.generator_cpu_seconds or None,
        "load_generator_run_delay_seconds": summary.generator_run_delay_seconds if there else None,
        "load_generator_run_delay_max_seconds": summary.generator_run_delay_max_us / 1e6
        if there
        else None,
    }


def _figures(origin: Origin, trial: Trial, load: TrialLoad | None) -> dict[str, Value]:
    """By metric; taken from the trial as reports take them."""
    experiment = origin.info.experiment
    loads = {trial.number: load} if load else {}
    found, _dropped = readings_of([trial], loads, experiment.HasField("load"))
    found |= rate_readings(ramps_of(experiment, [trial]), [trial])
    return {
        metric.name: found[metric.name, trial.variant][0].value
        if (metric.name, trial.variant) in found
        else None
        for metric in METRICS
    }
