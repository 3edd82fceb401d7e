"""What a worker's plan yields, and what is not asked of one that answers nobody."""

import pytest

from headstart.collector.analysis.verdict.decidable import undecidable
from headstart.collector.analysis.verdict.gates import limits_of, subjects_of
from headstart.collector.analysis.verdict.plan_yield import blocks_of, lack_of
from headstart.v1.experiment_pb2 import Check, Experiment, Gate, LogCheck, Plan, Service, Variant
from headstart.words import metrics
from headstart.words.gate_profiles import Subject
from headstart.words.metric import Metric


def worker(**parts: object) -> Experiment:
    return Experiment(
        baseline="jit",
        variants=[Variant(name=name, image=f"mailer:{name}") for name in ("jit", "aot")],
        service=Service(ready=Check(log=LogCheck(pattern="ready"))),
        plan=Plan(blocks=12, idle_seconds=5, **parts),  # type: ignore[arg-type]  # fields of Plan
    )


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        (metrics.THROUGHPUT_STEADY, "a worker is put under no load"),
        (metrics.LATENCY_P99, "a worker is put under no load"),
        (metrics.STARTUP_DATA, "a worker is asked for no data"),
    ],
)
def test_what_a_worker_does_not_do_is_absent_for_that_reason(metric: Metric, reason: str) -> None:
    stated = worker()
    lack = lack_of(stated, metric.name, stated.variants[0], 6)

    assert lack is not None
    # Nothing in the file would mend it.
    assert (lack.reason, lack.change) == (reason, "")


@pytest.mark.parametrize("metric", [metrics.STARTUP, metrics.STARTUP_CPU, metrics.RSS_IDLE])
def test_its_start_and_its_rest_are_measured(metric: Metric) -> None:
    stated = worker()

    assert lack_of(stated, metric.name, stated.variants[0], 6) is None


def test_its_gates_ask_for_idle_memory_and_for_no_load() -> None:
    stated = worker()
    _, limits = limits_of(stated)

    assert set(subjects_of(stated)) == {Subject.SERVICE, Subject.IDLE, Subject.IMAGE}
    assert {limit.metric for limit in limits} >= {metrics.STARTUP.name, metrics.RSS_IDLE.name}
    assert undecidable(stated) == []


def test_a_gate_on_its_throughput_is_told_to_be_in_vain() -> None:
    stated = worker()
    stated.gates.gates.append(Gate(metric=metrics.THROUGHPUT_STEADY.name, minimum=1000))
    (found,) = undecidable(stated)

    assert "a worker is put under no load" in found.text


def test_its_rest_counts_for_the_time_of_a_run() -> None:
    assert blocks_of(worker(maximum_seconds=25)) == 3
