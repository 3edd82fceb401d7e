"""A batch of samples as rows."""

import numpy as np

from headstart.collector.analysis.trials.columns import Integers, MalformedBatch, whole_column
from headstart.collector.analysis.trials.trial_records import Trial
from headstart.collector.export.layout import QUANTITY_NAMES
from headstart.collector.export.rows import Masked, Rows, Value
from headstart.v1.records_pb2 import Quantity, SampleBatch


def sample_rows(trial: Trial, batch: SampleBatch, common: dict[str, Value]) -> Rows:
    """Its rows, as they were read. A column that is not whole counts as not measured."""
    steps = np.array(batch.time_delta_us, dtype=np.int64)
    at_ns = batch.origin_monotonic_ns + np.cumsum(steps) * 1000
    since: list[Value] | None = None
    if trial.exec_ns:
        since = [int(ns) / 1e9 for ns in at_ns - trial.exec_ns]
    found = {name: _readings(batch, quantity) for quantity, name in QUANTITY_NAMES.items()}
    missing = dict.fromkeys(name for name, readings in found.items() if readings is None)
    columns: dict[str, list[Value] | Masked | Integers] = {"monotonic_ns": at_ns}
    columns |= {name: readings for name, readings in found.items() if readings is not None}
    if since is None:
        missing["since_exec_seconds"] = None
    else:
        columns["since_exec_seconds"] = since
    return Rows(len(steps), common | missing, columns)


def _readings(batch: SampleBatch, quantity: Quantity.ValueType) -> Masked | None:
    try:
        found = whole_column(batch, quantity)
    except MalformedBatch:
        return None
    return None if found is None else Masked(*found)
