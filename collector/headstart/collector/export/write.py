"""From the store to a file, a trial at a time; runs in the analysis process."""

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import groupby
from typing import BinaryIO

from sqlalchemy import Engine

from headstart.collector.analysis.trials.load import seen_of
from headstart.collector.analysis.trials.loads import by_variant, decided_jointly, is_valid
from headstart.collector.analysis.trials.trial_records import RunRecords, Trial, gather
from headstart.collector.analysis.warmup.detection import Course
from headstart.collector.export.layout import TABLES
from headstart.collector.export.rows import Rows, Value, Writer
from headstart.collector.export.sample_rows import sample_rows
from headstart.collector.export.trial_rows import Origin, trial_row
from headstart.collector.export.window_rows import window_rows
from headstart.collector.store import queries, records as store_records
from headstart.collector.store.decode import decode
from headstart.v1.experiments_pb2 import ExportFormat, ExportTable
from headstart.v1.records_pb2 import Record, RecordKind
from headstart.words.enums import word

# What is known of trials without their samples and windows: little, so all of it is held.
_OUTLINE = (
    RecordKind.RECORD_KIND_RUN_STARTED,
    RecordKind.RECORD_KIND_TRIAL_STARTED,
    RecordKind.RECORD_KIND_CHECK_OUTCOME,
    RecordKind.RECORD_KIND_TRIAL_OUTCOME,
    RecordKind.RECORD_KIND_RUN_OUTCOME,
)
_SAMPLES = RecordKind.RECORD_KIND_SAMPLES
_WINDOWS = RecordKind.RECORD_KIND_LOAD_WINDOWS
_OF_TRIALS = (
    RecordKind.RECORD_KIND_TRIAL_STARTED,
    RecordKind.RECORD_KIND_CHECK_OUTCOME,
    RecordKind.RECORD_KIND_TRIAL_OUTCOME,
    _SAMPLES,
    _WINDOWS,
)


class RecordsGone(Exception):
    """Retention deletes the records of the run, so that what is left is not the run."""


class Abandoned(Exception):
    """Nobody waits for the file any more."""


class OutOfOrder(Exception):
    """Records of two trials lie among each other, which no agent writes."""


def write(
    engine: Engine,
    run_id: str,
    wanted: ExportTable.ValueType,
    file: BinaryIO,
    export_format: ExportFormat.ValueType = ExportFormat.EXPORT_FORMAT_PARQUET,
) -> None:
    """Write what is stored of a run now. Raises RecordsGone and Abandoned."""
    with engine.begin() as connection:
        info = queries.info(connection, run_id)
        upto = store_records.last_sequence(connection, run_id, info.attempt)
    stored = _Stored(engine, run_id, info.attempt, upto)
    run = gather(_slim(stored.records(*_OUTLINE)))
    host = run.started.host if run.started and run.started.host.host else info.host
    export = _Export(stored, Origin(info, host), run)
    makers = {
        ExportTable.EXPORT_TABLE_TRIALS: export.trials,
        ExportTable.EXPORT_TABLE_WINDOWS: export.windows,
        ExportTable.EXPORT_TABLE_SAMPLES: export.samples,
    }
    form = f"headstart.collector.export.formats.{word(ExportFormat, export_format)}"
    writer: Writer = import_module(form).WRITER
    with writer(file, TABLES[wanted]) as written:
        try:
            for rows in makers[wanted]():
                written.add(rows)
                if os.fstat(file.fileno()).st_nlink == 0:
                    raise Abandoned
        except OutOfOrder:
            if not stored.is_whole():
                raise RecordsGone from None
            raise
    # Asked at the end: what is whole now was whole all the time.
    measured = written.rows or (run.outcome and run.outcome.trials) or stored.any_of(*_OF_TRIALS)
    if measured and not stored.is_whole():
        raise RecordsGone


class _Stored:
    """The records of one attempt up to one sequence, the same at every reading."""

    def __init__(self, engine: Engine, run_id: str, attempt: int, upto: int) -> None:
        self._engine = engine
        self._run_id = run_id
        self._attempt = attempt
        self._upto = upto

    def records(self, *kinds: RecordKind.ValueType) -> Iterator[Record]:
        found = store_records.envelopes(
            self._engine, self._run_id, self._attempt, kinds, self._upto
        )
        return map(decode, found)

    def any_of(self, *kinds: RecordKind.ValueType) -> bool:
        """Whether there is such a record."""
        return any(True for _ in self.records(*kinds))

    def is_whole(self) -> bool:
        """Of a run that had trials: whether nothing was deleted, since the oldest goes first."""
        return self.any_of(RecordKind.RECORD_KIND_RUN_STARTED)


class _Export:
    """The rows of each table."""

    def __init__(self, stored: _Stored, origin: Origin, run: RunRecords) -> None:
        self._stored = stored
        self._origin = origin
        self._ended = {trial.number for trial in run.trials}
        self._trials = {trial.number: trial for trial in (*run.trials, *run.unfinished)}

    def trials(self) -> Iterator[Rows]:
        """A row each, by number."""
        told = self._decided_jointly()
        rows = {}
        for trial in self._with_records(_SAMPLES, _WINDOWS):
            rows[trial.number] = self._row(trial, told)
        for number, trial in self._trials.items():
            if number not in rows:
                rows[number] = self._row(trial, told)
        for number in sorted(rows):
            yield Rows(1, rows[number])

    def _row(self, trial: Trial, told: Mapping[int, Course]) -> dict[str, Value]:
        return trial_row(self._origin, trial, trial.number in self._ended, told.get(trial.number))

    def _decided_jointly(self) -> dict[int, Course]:
        seen = [
            seen_of(trial, is_valid(trial))
            for trial in self._with_records(_WINDOWS)
            if trial.number in self._ended and not trial.outcome.HasField("failure")
        ]
        return decided_jointly(by_variant(each for each in seen if each is not None))

    def windows(self) -> Iterator[Rows]:
        """By trial, then by time."""
        for trial in self._with_records(_WINDOWS):
            common = self._origin.common(trial, trial.number in self._ended)
            yield window_rows(trial, common)

    def samples(self) -> Iterator[Rows]:
        """A batch at a time, in the order of the records."""
        for record in self._stored.records(_SAMPLES):
            trial = self._trial(record.samples.trial)
            common = self._origin.common(trial, trial.number in self._ended)
            yield sample_rows(trial, record.samples, common)

    def _with_records(self, *kinds: RecordKind.ValueType) -> Iterator[Trial]:
        """Every trial that has such records, with them; they are let go of before the next."""
        seen = set()
        for number, records in groupby(self._stored.records(*kinds), _trial_of):
            if number in seen:
                raise OutOfOrder(f"records of trial {number} lie among those of others")
            seen.add(number)
            trial = self._trial(number)
            for record in records:
                if record.HasField("samples"):
                    trial.samples.add(record.samples)
                else:
                    trial.loads.append(record.load_windows)
            yield trial
            trial.samples.clear()
            trial.loads.clear()

    def _trial(self, number: int) -> Trial:
        try:
            return self._trials[number]
        except KeyError:
            raise OutOfOrder(f"records of trial {number}, which never began") from None


def _trial_of(record: Record) -> int:
    return record.samples.trial if record.HasField("samples") else record.load_windows.trial


def _slim(records: Iterator[Record]) -> Iterator[Record]:
    """Without what applications printed and answered: that is most of what is held."""
    for record in records:
        if record.HasField("trial_outcome"):
            record.trial_outcome.ClearField("output_tail")
            if record.trial_outcome.HasField("failure"):
                record.trial_outcome.failure.ClearField("output_tail")
        elif record.HasField("check_outcome"):
            record.check_outcome.ClearField("excerpt")
            record.check_outcome.ClearField("differences")
        yield record
