"""What is stored is shown: each field of a record is read, or reserved for a reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

from headstart.collector.findings.starts import STAMPS
from headstart.v1 import records_pb2

COLLECTOR = Path(__file__).parents[2] / "collector/headstart/collector"
READERS = (
    *(COLLECTOR / room for room in ("analysis", "export", "findings", "judge", "report")),
    Path(__file__).parents[2] / "cli/headstart/cli/trial_words.py",
)
# What the store and the wire see to.
OF_THE_WIRE = {"Envelope", "Record"}
# Kept in the store, and shown by nothing: why.
RESERVED = {
    "RunStarted.blocks_planned": "the experiment's plan says it, and that is shown",
    "RunStarted.monotonic_ns": "ties CLOCK_MONOTONIC to unix_ns for a reader of raw records",
    "TrialStarted.monotonic_ns": "the same of a trial",
    "RunOutcome.monotonic_ns": "the same of the end",
    "Event.monotonic_ns": "an event's place among the samples, for a reader of raw records",
    "PhaseMemory.monotonic_ns": "a reading's place among the samples",
    "CheckOutcome.monotonic_ns": "a check's place among the samples",
    "CheckOutcome.excerpt": "the answer itself; `actual` says what is wrong with it",
    "ResolvedVariant.default_arguments": "the agent's own, to put a job's arguments in their place",
    "MemoryFloor.resolution_bytes": "asked for by the plan; the limits around the floor are shown",
}


def names_read() -> Iterator[str]:
    for reader in READERS:
        for file in reader.rglob("*.py") if reader.is_dir() else [reader]:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                    yield node.attr
    yield from (stamp.field for stamp in STAMPS)


def test_each_field_of_a_record_is_read_or_reserved_for_a_reason() -> None:
    """In analysis, report, export or a command.

    By the name: that another message has one of the same name may hide that it is not.
    """
    read = set(names_read())
    unread = {
        f"{name}.{field.name}"
        for name, message in records_pb2.DESCRIPTOR.message_types_by_name.items()
        for field in message.fields
        if name not in OF_THE_WIRE and field.name not in read
    }

    assert unread == RESERVED.keys()
