"""What an attempt may say how often: each record of its plan once, and no kind without end."""

import pytest

from headstart.collector.store.record_bounds import Bounds, Unbelievable, bounds_of
from headstart.collector.store.record_counts import RecordCounts
from headstart.v1.experiment_pb2 import BatchJob, Build, Check, Experiment, Service, Variant
from headstart.v1.records_pb2 import (
    BuildOutcome,
    CheckOutcome,
    Event,
    Gap,
    ImageFacts,
    ImagePulled,
    LoadWindow,
    LoadWindows,
    MemoryFloor,
    Record,
    RunOutcome,
    RunStarted,
    RuntimeCounters,
    TrialOutcome,
    TrialStarted,
)

BOUNDS = bounds_of(
    "vm",
    Experiment(
        variants=[
            Variant(name="a", build=Build(clean_repetitions=2, cached_repetitions=1)),
            Variant(name="b", image="b"),
        ],
        service=Service(port=80, checks=[Check(name="c")]),
        jobs=[BatchJob(name="j")],
    ),
)

# A record and how many of its kind there may be.
MOST: dict[str, tuple[Record, int]] = {
    "run_started": (Record(run_started=RunStarted()), 1),
    "trial_started": (Record(trial_started=TrialStarted(trial=1)), 1),
    "trial_outcome": (Record(trial_outcome=TrialOutcome(trial=1)), 1),
    "event": (Record(event=Event(trial=1)), 1000),
    "gap": (Record(gap=Gap(trial=1)), 10_000),
    "load_windows": (
        Record(load_windows=LoadWindows(trial=1, windows=[LoadWindow()] * 1000)),
        200,
    ),
    "check_outcome": (Record(check_outcome=CheckOutcome(trial=1)), 8),
    "build_outcome": (Record(build_outcome=BuildOutcome(variant="a")), 4),
    "image_facts": (Record(image_facts=ImageFacts(variant="a")), 1),
    "image_pulled": (Record(image_pulled=ImagePulled(variants=["a"])), 1),
    "memory_floor": (Record(memory_floor=MemoryFloor(variant="a")), 1),
    "runtime_counters": (Record(runtime_counters=RuntimeCounters(variant="a")), 1),
}
# Opaque where they come, of which bytes are counted; and what nothing is stored behind.
WITHOUT_NUMBER = {"samples", "run_outcome"}


@pytest.mark.parametrize("kind", MOST)
def test_no_kind_of_record_is_without_number(kind: str) -> None:
    record, most = MOST[kind]
    counts = RecordCounts(BOUNDS)
    for _ in range(most):
        counts.add(record)

    with pytest.raises(Unbelievable):
        counts.add(record)


def test_each_kind_of_record_has_a_number() -> None:
    kinds = {field.name for field in Record.DESCRIPTOR.oneofs_by_name["record"].fields}

    assert kinds == MOST.keys() | WITHOUT_NUMBER


def test_what_is_of_another_trial_or_variant_counts_by_itself() -> None:
    counts = RecordCounts(BOUNDS)
    for trial in range(1, 100):
        counts.add(Record(trial_outcome=TrialOutcome(trial=trial)))
        for _ in range(8):
            counts.add(Record(check_outcome=CheckOutcome(trial=trial)))
    for variant in ("a", "b"):
        counts.add(Record(build_outcome=BuildOutcome(variant=variant)))
        counts.add(Record(image_facts=ImageFacts(variant=variant)))
    counts.add(Record(run_outcome=RunOutcome()))


def test_a_plan_without_checks_has_room_for_those_of_one() -> None:
    """Records of agents that check what the plan does not name."""
    counts = RecordCounts(Bounds("vm", frozenset(), 1, 1, 0))
    for _ in range(4):
        counts.add(Record(check_outcome=CheckOutcome(trial=1)))
    with pytest.raises(Unbelievable, match="more than the 4 records that trial 1 may have"):
        counts.add(Record(check_outcome=CheckOutcome(trial=1)))
