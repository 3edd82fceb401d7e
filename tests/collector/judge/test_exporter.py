"""`Export` over a real channel, of runs in a real store."""

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headstart.collector.export.write import Abandoned, write
from headstart.collector.judge import worker
from headstart.collector.judge.exporter import Exporter
from headstart.collector.judge.job_limits import JobFault
from headstart.collector.judge.process_pool import AnalysisPool
from headstart.collector.store import records as store_records
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import ExportRequest, ExportTable
from headstart.v1.records_pb2 import (
    Flag,
    FlagEffect,
    Record,
    SampleBatch,
    TrialOutcome,
    TrialStarted,
)
from headstart.words import metrics
from support.attending import (
    LONG_EXPERIMENT,
    as_sent,
    attend,
    collecting,
    envelope,
    experiments,
    in_loop,
    submit,
)
from support.fake_runs import AOT, BROKEN, JIT, Fake, small
from support.recorded import record
from support.waiting import until

pytestmark = pytest.mark.usefixtures("forked_workers")

TRIALS = ExportTable.EXPORT_TABLE_TRIALS
WINDOWS = ExportTable.EXPORT_TABLE_WINDOWS
SAMPLES = ExportTable.EXPORT_TABLE_SAMPLES
EVERY = (TRIALS, WINDOWS, SAMPLES)


def disturbed(outcome: TrialOutcome) -> None:
    """One startup is spoiled, as on a busy host."""
    if (outcome.variant, outcome.block) == ("aot", 1):
        effect = FlagEffect.FLAG_EFFECT_STARTUP_INVALID
        outcome.flags.append(Flag(code="server-run-delay", effect=effect))


LOADED = Fake(kinds=(JIT, AOT, BROKEN), blocks=3, load_every=2, load_seconds=10, disturb=disturbed)


@asynccontextmanager
async def exporting(folder: Path) -> AsyncIterator[Any]:
    async with collecting(folder) as collector, experiments(collector.port) as stub:
        yield stub


async def exported(stub: Any, run_id: str, table: ExportTable.ValueType) -> pa.Table:
    """The file, as a reader sees it."""
    request = ExportRequest(run_id=run_id, table=table)
    return pq.read_table(io.BytesIO(b"".join([p.chunk async for p in stub.Export(request)])))


async def refused(stub: Any, run_id: str, table: int = TRIALS) -> tuple[grpc.StatusCode, str]:
    request = ExportRequest(run_id=run_id, table=table)  # type: ignore[arg-type]  # a newer client's
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in stub.Export(request):
            pass
    return caught.value.code(), str(caught.value.details())


def left_behind(folder: Path) -> list[Path]:
    return list((folder / "exports").glob("*"))


@in_loop
async def test_every_trial_has_a_row_with_the_figures_of_the_report(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, LOADED.experiment(), LOADED.records())
    async with exporting(tmp_path) as stub:
        rows = (await exported(stub, run_id, TRIALS)).to_pylist()
    result = LOADED.result()

    assert [row["trial"] for row in rows] == list(range(1, 9))
    assert {row["run_id"] for row in rows} == {run_id}
    assert {(row["host"], row["fingerprint"]) for row in rows} == {("bench-1", "9f3ac0de")}
    for figure in result.figures:
        if figure.metric not in rows[0]:
            continue
        found = [r[figure.metric] for r in rows if r["variant"] == figure.variant]
        values = sorted(value for value in found if value is not None)
        assert values == sorted([*figure.values, *figure.excluded_values]), figure.metric
    assert {row["kind"] for row in rows if row["block"] == 2} == {"idle"}
    assert all(row[metrics.THROUGHPUT_FIRST.name] is None for row in rows[3:6])
    assert all(row["load_valid"] is None for row in rows if row["block"] == 2)


@in_loop
async def test_trials_decided_jointly_have_their_steady_figures(tmp_path: Path) -> None:
    restless = Fake(kinds=(JIT, AOT), blocks=6, load_every=1, load_seconds=30, noise=0.12)
    told = {w.trial: w for w in restless.result().load.warmups if w.decided_jointly}
    async with Store(tmp_path) as store:
        run_id = await record(store, restless.experiment(), restless.records())
    async with exporting(tmp_path) as stub:
        rows = (await exported(stub, run_id, TRIALS)).to_pylist()
    found = {row["trial"]: row for row in rows if row["trial"] in told}

    assert told
    for trial, warmup in told.items():
        assert found[trial]["load_shape"] == warmup.shape
        assert found[trial][metrics.THROUGHPUT_STEADY.name] == warmup.steady_per_second


@in_loop
async def test_failed_and_spoiled_trials_are_there_and_marked(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, LOADED.experiment(), LOADED.records())
    async with exporting(tmp_path) as stub:
        rows = (await exported(stub, run_id, TRIALS)).to_pylist()
    broken = [row for row in rows if row["variant"] == "aot-broken"]
    spoiled = [row for row in rows if row["startup_valid"] is False]

    assert {row["outcome"] for row in broken} == {"does_not_start"}
    assert {row["exit_status"] for row in broken} == {134}
    assert {row["startup_valid"] for row in broken} == {None}
    assert {row[metrics.STARTUP.name] for row in broken} == {None}
    assert [(row["variant"], row["block"], row["flags"]) for row in spoiled] == [
        ("aot", 1, ["server-run-delay"])
    ]
    assert spoiled[0][metrics.STARTUP.name] > 0
    assert all(row["trial_valid"] for row in rows)


@in_loop
async def test_every_window_and_every_sample_has_a_row(tmp_path: Path) -> None:
    records = list(LOADED.records())
    async with Store(tmp_path) as store:
        run_id = await record(store, LOADED.experiment(), records)
    async with exporting(tmp_path) as stub:
        windows = (await exported(stub, run_id, WINDOWS)).to_pylist()
        samples = (await exported(stub, run_id, SAMPLES)).to_pylist()
    recorded_windows = [w for r in records for w in r.load_windows.windows]
    batches = [r.samples for r in records if r.HasField("samples")]

    assert [w["completed"] for w in windows] == [w.completed for w in recorded_windows]
    assert windows[0]["begin_seconds"] == 0
    assert windows[0]["begin_since_exec_seconds"] > 0
    assert windows[0]["received_bytes"] is None
    assert windows[0]["offered"] is None
    assert windows[0]["latency_p99_seconds"] >= windows[0]["latency_p50_seconds"] > 0
    assert len(samples) == sum(len(batch.time_delta_us) for batch in batches)
    first = batches[0]
    assert samples[1]["rss_bytes"] == sum(first.columns[0].delta[:2])
    assert samples[1]["since_exec_seconds"] == sum(first.time_delta_us[:2]) / 1e6
    assert {row["threads"] for row in samples} == {None}


@in_loop
async def test_runs_without_load_have_an_empty_table_and_files_can_be_joined(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path) as store:
        loaded = await record(store, LOADED.experiment(), LOADED.records())
        idle = await record(store, small().experiment(), small(blocks=2).records())
    async with exporting(tmp_path) as stub:
        for table in EVERY:
            parts = [await exported(stub, run_id, table) for run_id in (loaded, idle)]
            joined = pa.concat_tables(parts)

            assert len(joined) == len(parts[0]) + len(parts[1])
            assert (len(parts[1]) == 0) == (table == WINDOWS)


@in_loop
async def test_columns_say_their_units(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())
    async with exporting(tmp_path) as stub:
        schema = (await exported(stub, run_id, TRIALS)).schema

    assert schema.field(metrics.RSS_IDLE.name).metadata[b"unit"] == b"bytes"
    assert b"before any load" in schema.field(metrics.RSS_IDLE.name).metadata[b"meaning"]


@in_loop
async def test_of_a_run_that_goes_on_there_is_what_was_recorded_so_far(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port, LONG_EXPERIMENT)
        records = list(small(blocks=2).records())[:-3]
        records.append(
            Record(trial_started=TrialStarted(trial=9, block=5, position=1, variant="aot"))
        )
        records.append(Record(samples=SampleBatch(trial=9, time_delta_us=[7, 1])))
        for sequence, each in enumerate(records, 1):
            await agent.send(envelope(sequence, run_id, record=as_sent(each)))
        await agent.acked(len(records))
        trials = (await exported(stub, run_id[:-1], TRIALS)).to_pylist()
        samples = (await exported(stub, run_id, SAMPLES)).to_pylist()

    last = trials[-1]
    assert {row["run_state"] for row in trials} == {"leased"}
    assert (last["trial"], last["block"], last["variant"]) == (9, 5, "aot")
    assert (last["outcome"], last["trial_valid"], last["samples"]) == ("unfinished", None, None)
    assert [row["monotonic_ns"] for row in samples[-2:]] == [7000, 8000]
    assert {row["since_exec_seconds"] for row in samples[-2:]} == {None}


@in_loop
async def test_what_cannot_be_exported_says_why(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1"),
        attend(collector.port, host="h2", stream_id="s2"),
        experiments(collector.port) as stub,
    ):
        first, second = await submit(collector.port)
        unknown = await refused(stub, "zz")
        ambiguous = await refused(stub, first[:8])
        nothing = await refused(stub, first)
        form = await refused(stub, first, 0)
        newer = await refused(stub, first, 99)

    assert unknown[0] == grpc.StatusCode.NOT_FOUND
    assert ambiguous[0] == grpc.StatusCode.INVALID_ARGUMENT
    assert second in ambiguous[1]
    assert nothing == (
        grpc.StatusCode.FAILED_PRECONDITION,
        f"no records of run {first} are stored, so there is nothing to export",
    )
    assert form[0] == newer[0] == grpc.StatusCode.INVALID_ARGUMENT


@in_loop
async def test_pruned_records_are_told_with_their_date(tmp_path: Path) -> None:
    async with Store(tmp_path, now=lambda: 1.78e9) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())
        while await store.write(lambda c: store_records.prune(c, run_id, store.now())):
            pass
    async with exporting(tmp_path) as stub:
        code, words = await refused(stub, run_id)

    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "were pruned on 2026-05-28" in words
    assert "its report stays" in words


@pytest.mark.parametrize("gone", [6, 0])
@pytest.mark.parametrize("table", EVERY)
@in_loop
async def test_what_pruning_has_left_so_far_is_not_taken_for_the_run(
    tmp_path: Path, table: ExportTable.ValueType, gone: int
) -> None:
    async with Store(tmp_path) as store:
        # The last trial has no outcome, as in a run that was lost.
        *before, ending = LOADED.records()
        records = [
            *before,
            Record(trial_started=TrialStarted(trial=99, block=9, variant="aot")),
            Record(samples=SampleBatch(trial=99, time_delta_us=[1])),
            ending,
        ]
        # All but the last two: of that trial nothing else is known then.
        gone = gone or len(records) - 2
        run_id = await record(store, LOADED.experiment(), records)
        await store.write(lambda c: store_records.prune(c, run_id, 5.0, limit=gone))
    async with exporting(tmp_path) as stub:
        code, words = await refused(stub, run_id, table)

    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "are being pruned" in words


@in_loop
async def test_without_the_library_it_says_what_to_install_and_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())
    async with exporting(tmp_path) as stub:
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        code, words = await refused(stub, run_id)

    assert code == grpc.StatusCode.FAILED_PRECONDITION
    assert "this collector" in words
    assert "pip install 'pyarrow>=19'" in words


def out_of_order() -> Iterator[Record]:
    """Samples of the first trial once more, at the end."""
    records = list(small(blocks=2).records())
    yield from records[:-1]
    yield next(each for each in records if each.HasField("samples"))


@in_loop
async def test_records_that_no_agent_writes_are_a_fault_and_no_wrong_figure(
    tmp_path: Path,
) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), out_of_order())
    async with exporting(tmp_path) as stub:
        code, words = await refused(stub, run_id)

        assert code == grpc.StatusCode.INTERNAL
        assert "among those of others" in words
        assert left_behind(tmp_path) == []


@in_loop
async def test_nothing_stays_behind(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "of-a-collector-that-was-killed.parquet").touch()
    async with exporting(tmp_path) as stub:
        assert left_behind(tmp_path) == []
        await exported(stub, run_id, SAMPLES)
        assert left_behind(tmp_path) == []


@in_loop
async def test_a_job_whose_asker_has_gone_makes_no_file(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())
        pool = AnalysisPool()
        exporter = Exporter(store, pool)
        asking = asyncio.ensure_future(anext(exporter.export(run_id, SAMPLES, 1000)))
        await until(lambda: bool(left_behind(tmp_path)))
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

        assert left_behind(tmp_path) == []
        # The pool works on.
        assert await anext(exporter.export(run_id, TRIALS, 4)) == b"PAR1"
        assert left_behind(tmp_path) == []
        await pool.stop()


@in_loop
async def test_a_file_that_was_deleted_meanwhile_is_not_written_to_its_end(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())
        path = tmp_path / "file"
        path.touch()
        with path.open("r+b") as file:
            path.unlink()
            with pytest.raises(Abandoned):
                write(store.readers, run_id, SAMPLES, file)


@in_loop
async def test_a_full_disk_is_a_fault_with_its_reason(tmp_path: Path) -> None:
    async with Store(tmp_path) as store:
        run_id = await record(store, small().experiment(), small(blocks=2).records())

        with pytest.raises(JobFault, match="No space left"):
            worker.export(store.where, run_id, SAMPLES, "/dev/full")
