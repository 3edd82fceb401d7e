"""Records on disk until acked."""

import secrets
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from headstart.agent.uplink.spool import NotSetAside, Spool, SpoolError
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import (
    Envelope,
    Event,
    Record,
    RecordKind,
    RunOutcome,
    SampleBatch,
)
from support.small_disk import fill, free, small_disk


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


def _copied(folder: Path, to: Path) -> Path:
    """A snapshot of a spool's folder, as of a machine that is cloned."""
    shutil.copytree(folder, to)
    return to


def _marks(spool: Spool) -> list[int]:
    return [envelope.mark for envelope in spool.read(0, 100)]


def test_a_copy_of_a_spool_marks_the_same_sequences_differently(tmp_path: Path) -> None:
    first = Spool(tmp_path / "a")
    first.append(_event("before"))
    copy = Spool(_copied(tmp_path / "a", tmp_path / "b"))
    for spool in (first, copy):
        spool.append(_event("the same"))

    assert _marks(first)[0] == _marks(copy)[0] != 0
    assert _marks(first)[1] != _marks(copy)[1]
    assert first.differs(2, _marks(first)[1]) == ""
    assert first.differs(2, _marks(copy)[1]) == (
        "record 2 of this stream is not the one that the collector has"
    )


def test_a_snapshot_is_known_behind_what_the_collector_has(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_event())

    assert spool.differs(1, _marks(spool)[0]) == ""
    assert spool.differs(2, 5) == (
        "the collector has 2 records of this stream, the spool is older and made 1"
    )


def test_a_collector_that_forgot_what_it_confirmed_is_known(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for _ in range(3):
        spool.append(_event())
    mark = _marks(spool)[1]
    spool.ack(2)
    spool.close()
    again = Spool(tmp_path)

    assert again.differs(2, mark) == ""
    assert again.differs(2, mark + 1) != ""
    assert "its store is another, or older" in again.differs(1, 0)
    assert "its store is another, or older" in again.differs(0, 0)


def test_a_collector_without_marks_is_judged_by_positions_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(_event())

    assert spool.differs(1, 0) == ""


def test_a_new_stream_has_all_that_was_not_acked_from_one_on(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for text in ("acked", "waits", "waits too"):
        spool.append(_event(text))
    spool.ack(1)
    before, life = spool.stream_id, spool.life
    spool.begin_stream()
    spool.append(_event("new"))
    spool.close()
    again = Spool(tmp_path)
    texts = [Record.FromString(e.payload).event.text for e in again.read(0, 10)]

    assert again.replaces == before != again.stream_id
    assert spool.life != life
    assert [e.sequence for e in again.read(0, 10)] == [1, 2, 3]
    assert [e.sequence for e in again.read(1, 10)] == [2, 3]
    assert texts == ["waits", "waits too", "new"]
    assert again.last == 3
    assert again.differs(0, 0) == ""
    again.ack(3)
    assert again.read(0, 10) == []
    assert again.differs(3, 0) == ""


def test_a_spool_of_a_host_with_another_name_goes_on_once_it_is_taken_over(tmp_path: Path) -> None:
    spool = Spool(tmp_path, host="h1")
    spool.append(_event())
    stream = spool.stream_id
    spool.close()
    renamed = Spool(tmp_path, host="h2")
    recorded_as = renamed.recorded_as
    renamed.take_over()
    renamed.close()
    again = Spool(tmp_path, host="h2")

    assert (recorded_as, again.recorded_as) == ("h1", "")
    assert again.stream_id == stream
    assert [envelope.sequence for envelope in again.read(0, 10)] == [1]


def test_a_spool_of_another_host_is_set_aside_with_what_it_holds(tmp_path: Path) -> None:
    spool = Spool(tmp_path, host="h1")
    spool.append(_event())
    stream = spool.stream_id
    spool.close()
    clone = Spool(tmp_path, host="h2")
    recorded_as = clone.recorded_as
    moved: list[Path] = []
    clone.set_aside(moved.append)

    assert recorded_as == "h1"
    assert moved == [tmp_path / f"spool-{stream}.sqlite"]
    assert clone.recorded_as == ""
    assert clone.stream_id != stream
    assert clone.read(0, 10) == []
    assert clone.state() == (0, 0, 0)
    with sqlite3.connect(tmp_path / f"spool-{stream}.sqlite") as aside:
        assert aside.execute("SELECT count(*) FROM records").fetchone() == (1,)
    aside.close()


@pytest.mark.root
def test_a_spool_is_not_set_aside_while_its_disk_has_no_room_to_bring_it_together(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        # As a kill leaves it: the records are beside the file, not yet in it.
        killed = subprocess.run([sys.executable, "-c", _KILLED, str(disk)], check=False)
        clone = Spool(disk, host="h2", reserve_bytes=0)
        moved: list[Path] = []
        fill(disk)
        with pytest.raises(NotSetAside, match="No space left"):
            clone.set_aside(moved.append)
        moved_then, held_then = list(moved), clone.state()[1]
        free(disk)
        clone.set_aside(moved.append)
        with sqlite3.connect(moved[0]) as aside:
            counted = aside.execute("SELECT count(*) FROM records").fetchone()
        aside.close()
        clone.close()

    assert killed.returncode == 9
    assert (moved_then, held_then) == ([], 40)
    assert counted == (40,)


@pytest.mark.root
def test_a_spool_without_a_log_is_not_set_aside_while_its_disk_has_no_room_for_a_new_one(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        spool = Spool(disk, host="h1", reserve_bytes=0)
        spool.append(_event())
        stream = spool.stream_id
        # All of it lies in one file then.
        spool.close()
        clone = Spool(disk, host="h2", reserve_bytes=0)
        moved: list[Path] = []
        fill(disk)
        for _ in range(2):
            with pytest.raises(NotSetAside, match=r"cannot be set aside .* No space left"):
                clone.set_aside(moved.append)
        moved_then, held_then = list(moved), (clone.stream_id, clone.recorded_as, clone.state()[1])
        files_then = {each.name for each in disk.glob("*.sqlite")}
        free(disk)
        clone.set_aside(moved.append)
        clone.append(_event())
        held_now = (clone.recorded_as, clone.state()[1])
        clone.close()
        files_now = {each.name for each in disk.glob("*.sqlite*")}

    assert (moved_then, held_then) == ([], (stream, "h1", 1))
    assert files_then == {"spool.sqlite"}
    assert [each.name for each in moved] == [f"spool-{stream}.sqlite"]
    assert held_now == ("", 1)
    assert files_now == {"spool.sqlite", f"spool-{stream}.sqlite"}


def test_a_spool_that_cannot_be_renamed_stays_in_use(tmp_path: Path) -> None:
    spool = Spool(tmp_path, host="h1")
    spool.append(_event())
    stream = spool.stream_id
    spool.close()
    clone = Spool(tmp_path, host="h2")
    # What nothing can be renamed to.
    in_the_way = tmp_path / f"spool-{stream}.sqlite"
    (in_the_way / "x").mkdir(parents=True)
    with pytest.raises(NotSetAside, match="Is a directory"):
        clone.set_aside(lambda _aside: None)
    held_then = clone.state()[1]
    shutil.rmtree(in_the_way)
    clone.set_aside(lambda _aside: None)

    assert held_then == 1
    assert clone.recorded_as == ""
    with sqlite3.connect(in_the_way) as aside:
        assert aside.execute("SELECT count(*) FROM records").fetchone() == (1,)
    aside.close()


@pytest.mark.root
def test_a_spool_on_a_disk_that_is_read_only_is_not_set_aside_yet(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        Spool(disk, host="h1", reserve_bytes=0).close()
        clone = Spool(disk, host="h2", reserve_bytes=0)
        # A bind mount of itself: files that are open stay open for writing.
        subprocess.run(["mount", "--bind", str(disk), str(disk)], check=True)
        try:
            subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)
            with pytest.raises(NotSetAside, match="Read-only file system"):
                clone.set_aside(lambda _aside: None)
        finally:
            subprocess.run(["umount", str(disk)], check=True)
        clone.set_aside(lambda _aside: None)
        recorded_as = clone.recorded_as
        clone.close()

    assert recorded_as == ""


@pytest.mark.root
def test_a_spool_that_finds_no_room_is_not_called_unreadable(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4) as disk:
        Spool(disk, reserve_bytes=0).close()
        fill(disk)
        with pytest.raises(SpoolError, match=r"there is no room for .*: free some on its disk"):
            Spool(disk, reserve_bytes=0)
        free(disk)
        Spool(disk, reserve_bytes=0).close()


_KILLED = """
import os, sys
from pathlib import Path
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.records_pb2 import Event
spool = Spool(Path(sys.argv[1]), host="h1", reserve_bytes=0)
for _ in range(40):
    spool.append(envelope_of(Event(text=os.urandom(2000).hex()), "run", 1))
os._exit(9)
"""


def test_a_spool_of_version_1_is_taken_over_with_its_records(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "spool.sqlite") as db:
        db.executescript(
            """
            CREATE TABLE meta (
                version INTEGER NOT NULL, stream_id TEXT NOT NULL,
                next_sequence INTEGER NOT NULL, dropped_batches INTEGER NOT NULL);
            CREATE TABLE records (
                sequence INTEGER PRIMARY KEY, run_id TEXT NOT NULL, attempt INTEGER NOT NULL,
                kind INTEGER NOT NULL, envelope BLOB NOT NULL);
            INSERT INTO meta VALUES (1, 'old', 8, 2);
            """
        )
        old = _event("old")
        for old.sequence in (6, 7):
            db.execute(
                "INSERT INTO records VALUES (?, 'run', 1, ?, ?)",
                (old.sequence, int(old.kind), old.SerializeToString()),
            )
    db.close()
    spool = Spool(tmp_path, host="h1")
    spool.append(_event("new"))

    assert spool.stream_id == "old"
    assert [e.sequence for e in spool.read(0, 10)] == [6, 7, 8]
    assert spool.state()[2] == 2
    assert spool.differs(5, 0) == spool.differs(7, 99) == ""
    assert "older" in spool.differs(4, 0)


def _fill_up(spool: Spool) -> None:
    """SQLite's own error of a full disk, without a disk."""
    pages = spool._file._db.execute("PRAGMA page_count").fetchone()[0]
    spool._file._db.execute(f"PRAGMA max_page_count = {pages}")


def _free_up(spool: Spool) -> None:
    spool._file._db.execute("PRAGMA max_page_count = 1073741823")


def test_a_full_disk_keeps_in_memory_what_must_not_be_lost_and_drops_samples_aloud(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path)
    spool.append(_event("before"))
    _fill_up(spool)
    big = "x" * 10_000
    random = [envelope_of(Event(text=secrets.token_hex(5_000)), "run", 1) for _ in range(3)]
    taken = [spool.append(each) for each in random]
    spool.append(envelope_of(RunOutcome(trials=1, reason=big), "run", 1))
    spool.append(_samples())
    spool.flush()
    read_then, problem = spool.read(0, 100), spool.problem()
    held = [(a.run_id, a.attempt) for a in spool.unacked_attempts()]
    spool.ack(1)
    _free_up(spool)
    spool.flush()
    kinds = [e.kind for e in spool.read(0, 100)]

    assert taken == [False, False, False]
    assert len(read_then) == 1
    assert "its spool cannot be written: database or disk is full" in problem
    assert held == [("run", 1)]
    assert kinds[-4:] == [RecordKind.RECORD_KIND_EVENT] * 3 + [RecordKind.RECORD_KIND_RUN_OUTCOME]
    assert spool.problem() == ""
    spool.append(_event("after"))
    gap = Record.FromString(spool.read(0, 100)[-2].payload).gap
    assert gap.batches == 1
    assert [e.sequence for e in spool.read(0, 100)] == list(range(2, 8))


def test_a_disk_with_less_than_the_reserve_is_a_problem_and_takes_no_samples(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path, reserve_bytes=1 << 60)
    spool.append(_samples())
    spool.append(_event())

    assert "are free for its spool" in spool.problem()
    assert [e.kind for e in spool.read(0, 9)] == [
        RecordKind.RECORD_KIND_GAP,
        RecordKind.RECORD_KIND_EVENT,
    ]


def test_a_spool_whose_disk_has_room_again_knows_it_without_a_record(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    _fill_up(spool)
    spool.append(envelope_of(SampleBatch(trial=1, time_delta_us=range(100_000)), "run", 1))
    spool.flush()
    problem = spool.problem()
    _free_up(spool)
    spool.flush()

    assert "full" in problem
    assert spool.problem() == ""


def test_the_number_of_a_life_is_within_what_a_hello_may_say(tmp_path: Path) -> None:
    lives = set()
    for _ in range(20):
        spool = Spool(tmp_path)
        lives.add(spool.life)
        spool.close()

    assert len(lives) == 20
    assert all(0 < life < 1 << 62 for life in lives)


def test_it_knows_of_which_attempts_records_were_acked(tmp_path: Path) -> None:
    first, second = Attempt(run_id="r1", attempt=1), Attempt(run_id="r2", attempt=1)
    spool = Spool(tmp_path)
    for run_id in ("r1", "r1", "r2", "r2"):
        spool.append(envelope_of(Event(), run_id, 1))
    assert not spool.is_partly_acked(first)
    spool.ack(1)
    assert spool.is_partly_acked(first)
    assert not spool.is_partly_acked(second)
    assert spool.acked == 1
    spool.ack(2)
    spool.close()

    # What the other life had acked of it is not known.
    again = Spool(tmp_path)
    assert again.is_partly_acked(second)
    again.begin_stream()
    assert again.acked == 0


def test_what_a_kill_amid_setting_aside_left_is_finished_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path, host="h1")
    spool.append(_event())
    stream = spool.stream_id
    spool.close()
    clone = Spool(tmp_path, host="h2")

    def killed(_beside: Path, aside: Path) -> None:
        (tmp_path / "spool.sqlite").rename(aside)
        raise KeyboardInterrupt

    monkeypatch.setattr(clone, "_exchange", killed)
    with pytest.raises(KeyboardInterrupt):
        clone.set_aside(lambda _aside: None)
    clone._file.close()
    again = Spool(tmp_path, host="h2")

    assert again.recorded_as == ""
    assert again.read(0, 10) == []
    assert f"spool-{stream}.sqlite" in caplog.text
    assert not (tmp_path / "next-spool.sqlite").exists()
    again.close()
