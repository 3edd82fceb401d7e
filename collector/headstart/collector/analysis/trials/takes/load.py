"""What a load tells: throughput, latency, the way to steady, CPU time per request."""

from collections.abc import Callable

from headstart.collector.analysis.trials.load import TrialLoad
from headstart.collector.analysis.trials.takes.trial_data import Take, TrialData
from headstart.words import metrics
from headstart.words.metric import Metric


def _of(read: Callable[[TrialLoad], float | None]) -> Take:
    def take(data: TrialData) -> float | None:
        return read(data.load) if data.load is not None else None

    return take


TAKES: dict[Metric, Take] = {
    metrics.THROUGHPUT_FIRST: _of(lambda load: load.warmup.first_seconds_per_second),
    metrics.THROUGHPUT_STEADY: _of(lambda load: load.warmup.steady_per_second),
    metrics.THROUGHPUT_LOAD: _of(lambda load: load.throughput_per_second),
    metrics.TIME_TO_STEADY: _of(lambda load: load.warmup.steady_from_seconds),
    metrics.LATENCY_P50: _of(lambda load: load.latency_p50_seconds),
    metrics.LATENCY_P99: _of(lambda load: load.latency_p99_seconds),
    metrics.LATENCY_LOAD_P99: _of(lambda load: load.latency_whole_p99_seconds),
    metrics.LOAD_CPU: _of(lambda load: load.cpu_seconds_per_request),
}
