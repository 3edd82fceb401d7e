"""Records on disk until acked."""

import sqlite3
from pathlib import Path

import pytest

from headstart.agent.spool import Spool, SpoolError
from headstart.agent.wire import envelope_of
from headstart.v1.records_pb2 import (
    Envelope,
    Event,
    Record,
    RecordKind,
    RunOutcome,
    SampleBatch,
)


def _event(text: str = "x") -> Envelope:
    return envelope_of(Event(name="note", text=text), "run", 1)


def _samples(rows: int = 3) -> Envelope:
    return envelope_of(SampleBatch(trial=1, time_delta_us=[20000] * rows), "run", 1)


def test_sequences_begin_at_one_and_have_no_gaps(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for _ in range(3):
        spool.append(_event())

    assert [e.sequence for e in spool.read(0, 10)] == [1, 2, 3]


def test_what_was_appended_survives_a_reopening(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_event("first"))
    stream = spool.stream_id
    spool.close()
    again = Spool(tmp_path)
    again.append(_event("second"))

    assert again.stream_id == stream
    assert [e.sequence for e in again.read(0, 10)] == [1, 2]


def test_sequences_go_on_after_everything_was_acked(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_event())
    spool.ack(1)
    spool.close()
    again = Spool(tmp_path)
    again.append(_event())

    assert [e.sequence for e in again.read(0, 10)] == [2]


def test_a_sample_batch_is_readable_only_once_committed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_samples())
    before = spool.read(0, 10)
    spool.flush()

    assert before == []
    assert len(spool.read(0, 10)) == 1


def test_a_full_spool_drops_samples_and_says_so_but_keeps_events(tmp_path: Path) -> None:
    spool = Spool(tmp_path, limit_bytes=200)
    for _ in range(50):
        spool.append(_samples())
    spool.append(_event("still here"))
    kept = spool.read(0, 1000)
    gaps = [e for e in kept if e.kind == RecordKind.RECORD_KIND_GAP]
    samples = [e for e in kept if e.kind == RecordKind.RECORD_KIND_SAMPLES]
    gap = Record.FromString(gaps[0].payload).gap

    assert kept[-1].kind == RecordKind.RECORD_KIND_EVENT
    assert gap.batches + len(samples) == 50
    assert gap.rows == 3 * gap.batches > 0
    assert spool.state()[2] == gap.batches


def test_acked_records_are_forgotten_and_their_bytes_freed(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for _ in range(3):
        spool.append(_event())
    spool.ack(2)

    assert [e.sequence for e in spool.read(0, 10)] == [3]
    assert spool.state()[0] == spool.read(0, 10)[0].ByteSize()


def test_an_attempt_is_unacked_until_its_terminal_record_is(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(envelope_of(RunOutcome(trials=4), "run", 2))
    before = spool.unacked_attempts()
    spool.ack(1)

    assert [(a.run_id, a.attempt) for a in before] == [("run", 2)]
    assert spool.unacked_attempts() == []


def test_a_spool_of_a_later_version_is_refused_with_advice(tmp_path: Path) -> None:
    Spool(tmp_path).close()
    with sqlite3.connect(tmp_path / "spool.sqlite") as db:
        db.execute("UPDATE meta SET version = 99")
    db.close()

    with pytest.raises(SpoolError, match="version 99"):
        Spool(tmp_path)


def test_a_file_that_is_no_spool_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "spool.sqlite").write_bytes(b"not a database, but long enough to be read" * 50)

    with pytest.raises(SpoolError, match="move it away"):
        Spool(tmp_path)
