"""The windows of a trial's load as rows."""

from headstart.collector.analysis.statistics.histogram import (
    MalformedHistogram,
    counts_of,
    quantiles_seconds,
)
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.export.rows import Rows, Value
from headstart.v1.records_pb2 import Histogram, LatencyBasis, LoadWindow
from headstart.words.enums import word

_QUANTILES = {
    "latency_p50_seconds": 0.5,
    "latency_p90_seconds": 0.9,
    "latency_p99_seconds": 0.99,
}


def window_rows(trial: Trial, common: dict[str, Value]) -> Rows:
    """In their order of time, also those without a width."""
    timed = sorted(
        (
            (load.origin_monotonic_ns + window.start_us * 1000, load.latency_basis, window)
            for load in trial.loads
            for window in load.windows
        ),
        key=lambda each: each[0],
    )
    origin_ns = min((load.origin_monotonic_ns for load in trial.loads), default=0)
    silent = _Silent([window for _, _, window in timed])
    rows = [
        {
            "window": number,
            "begin_seconds": (begin_ns - origin_ns) / 1e9,
            "begin_since_exec_seconds": (begin_ns - trial.exec_ns) / 1e9 if trial.exec_ns else None,
            "begin_monotonic_ns": begin_ns,
            "latency_basis": word(LatencyBasis, basis) or None,
            **_counted(window, silent),
            **_latency(window.latency),
        }
        for number, (begin_ns, basis, window) in enumerate(timed, 1)
    ]
    names = rows[0].keys() if rows else ()
    return Rows(
        len(rows),
        common | {"whole_load": trial.outcome.load.without_series},
        {name: [row[name] for row in rows] for name in names},
    )


class _Silent:
    """What the driver of a load does not count at all: it is 0 in every window."""

    def __init__(self, windows: list[LoadWindow]) -> None:
        self.sent = not any(window.sent for window in windows)
        self.offered = not any(window.offered for window in windows)
        self.received_bytes = not any(window.received_bytes for window in windows)


def _counted(window: LoadWindow, silent: _Silent) -> dict[str, Value]:
    return {
        "width_seconds": window.duration_us / 1e6,
        "completed": window.completed,
        "incorrect": window.incorrect,
        "failed": window.failed,
        "own_pause_seconds": window.own_pause_us / 1e6,
        "sent": None if silent.sent else window.sent,
        "offered": None if silent.offered else window.offered,
        "received_bytes": None if silent.received_bytes else window.received_bytes,
    }


def _latency(histogram: Histogram) -> dict[str, Value]:
    """All None but the count when no request was counted, all None when it cannot be read."""
    names = ("latency_count", "latency_mean_seconds", *_QUANTILES, "latency_max_seconds")
    found: dict[str, Value] = dict.fromkeys(names)
    try:
        counts = counts_of(histogram)
    except MalformedHistogram:
        return found
    count = counts.total
    found["latency_count"] = count
    quantiles = quantiles_seconds(counts, _QUANTILES.values())
    if quantiles is not None:
        found.update(zip(_QUANTILES, quantiles, strict=True))
        found["latency_mean_seconds"] = histogram.total_us / count / 1e6
        found["latency_max_seconds"] = histogram.maximum_us / 1e6
    return found
