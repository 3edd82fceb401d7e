"""Startup: stamps from exec to the first responses, and the CPU time until then."""

from headstart.collector.analysis.trials.takes.trial_data import Take, TrialData
from headstart.words import metrics
from headstart.words.metric import Metric


def _between(begin_ns: int, end_ns: int) -> float | None:
    """None unless both were stamped; negative when they contradict each other."""
    return (end_ns - begin_ns) / 1e9 if begin_ns and end_ns else None


def _startup(data: TrialData) -> float | None:
    return _between(data.trial.exec_ns, data.trial.first_response_ns)


def _startup_data(data: TrialData) -> float | None:
    startup = data.trial.outcome.startup
    return _between(data.trial.exec_ns, startup.first_data_response_monotonic_ns)


def _startup_cpu(data: TrialData) -> float | None:
    startup = data.trial.outcome.startup
    read = startup.cpu_seconds or startup.cpu_resolution_seconds
    return startup.cpu_seconds if data.trial.first_response_ns and read else None


def _engine_start(data: TrialData) -> float | None:
    startup = data.trial.outcome.startup
    return _between(startup.start_call_monotonic_ns, startup.engine_ready_monotonic_ns)


TAKES: dict[Metric, Take] = {
    metrics.STARTUP: _startup,
    metrics.STARTUP_DATA: _startup_data,
    metrics.STARTUP_CPU: _startup_cpu,
    metrics.ENGINE_START: _engine_start,
}
