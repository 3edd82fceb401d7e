"""`ExperimentsService` over a real channel."""

from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from headstart.collector.api.problems import serialised
from headstart.collector.api.status_codes import PROBLEMS_KEY
from headstart.collector.config import Timing
from headstart.v1.experiments_pb2 import (
    AcceptShiftRequest,
    CancelRequest,
    GetRequest,
    ListRequest,
    Problem,
    ReportRequest,
    RunState,
    SubmitProblems,
    SubmitRequest,
    WatchRequest,
)
from headstart.v1.records_pb2 import Failure, Record, TrialOutcome
from support.attending import (
    EXPERIMENT,
    attend,
    collecting,
    ending,
    envelope,
    experiments,
    in_loop,
    starting,
    submit,
    watched,
)
from support.stores import on_a_file

pytestmark = pytest.mark.usefixtures("each_store")

PERF = EXPERIMENT + "hosts: {labels: {pool: perf}}\n"


async def failing(call: Any) -> grpc.aio.AioRpcError:
    """The error with which a call ends."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


def problems_of(error: grpc.aio.AioRpcError) -> list[Problem]:
    """What travels beside the status."""
    trailing = dict(error.trailing_metadata() or ())
    return list(SubmitProblems.FromString(bytes(trailing[PROBLEMS_KEY])).problems)


@in_loop
async def test_an_experiment_makes_a_run_on_every_host_with_its_labels(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1", labels={"pool": "perf", "os": "linux"}),
        attend(collector.port, host="h2", stream_id="s2", labels={"pool": "dev"}),
        attend(collector.port, host="h3", stream_id="s3", labels={"pool": "perf"}),
        experiments(collector.port) as stub,
    ):
        request = SubmitRequest(source_text=PERF, base_directory="/", revision="4f2c1d9")
        runs = (await stub.Submit(request)).runs

        assert [run.host for run in runs] == ["h1", "h3"]
        assert {run.experiment for run in runs} == {"players"}
        assert {run.revision for run in runs} == {"4f2c1d9"}
        assert [run.fingerprint for run in runs] == ["fingerprint of h1", "fingerprint of h3"]


@in_loop
async def test_without_a_matching_host_nothing_is_stored_and_the_hosts_are_named(
    tmp_path: Path,
) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, labels={"pool": "dev"}),
        experiments(collector.port) as stub,
    ):
        error = await failing(stub.Submit(SubmitRequest(source_text=PERF, base_directory="/")))

        assert error.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert error.details() == "no host matches (pool=perf); known hosts: h1 (pool=dev)"
        assert not (await stub.List(ListRequest())).runs


@in_loop
async def test_a_host_that_is_long_gone_gets_no_runs(tmp_path: Path) -> None:
    timing = Timing(host_expiry_seconds=0)
    async with collecting(tmp_path, timing=timing) as collector:
        async with attend(collector.port):
            assert len(await submit(collector.port)) == 1
        async with (
            attend(collector.port, host="h2", stream_id="s2"),
            experiments(collector.port) as stub,
        ):
            request = SubmitRequest(source_text=EXPERIMENT, base_directory="/")
            assert [run.host for run in (await stub.Submit(request)).runs] == ["h2"]


@in_loop
async def test_all_mistakes_of_a_file_come_back_with_their_lines(tmp_path: Path) -> None:
    text = EXPERIMENT.replace("baseline: jit", "baseline: jot").replace("blocks: 3", "blooks: 3")
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port),
        experiments(collector.port) as stub,
    ):
        error = await failing(stub.Submit(SubmitRequest(source_text=text, base_directory="/")))

        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert {(p.line, p.path) for p in problems_of(error)} == {
            (3, "baseline"),
            (8, "plan.blooks"),
        }
        assert not (await stub.List(ListRequest())).runs


@in_loop
async def test_a_file_above_the_limit_is_refused_unread(tmp_path: Path) -> None:
    text = EXPERIMENT + "#" * 300_000
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        error = await failing(stub.Submit(SubmitRequest(source_text=text, base_directory="/")))

        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "at most 262144 are taken" in problems_of(error)[0].message


@in_loop
async def test_fifty_mistakes_fit_into_what_a_client_takes(tmp_path: Path) -> None:
    text = EXPERIMENT + "".join(f"{'unknown' * 20}{n}: 1\n" for n in range(60))
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        error = await failing(stub.Submit(SubmitRequest(source_text=text, base_directory="/")))

        assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
        found = problems_of(error)
        assert found[0].line == 9
        assert "more" in found[-1].message


def test_problems_that_do_not_fit_are_counted() -> None:
    problems = [Problem(line=n, message="m" * 500) for n in range(1, 21)]

    kept = SubmitProblems.FromString(serialised(problems)).problems

    assert [p.line for p in kept[:-1]] == list(range(1, len(kept)))
    assert kept[-1].message == f"and {20 - len(kept) + 1} more"


@in_loop
async def test_runs_are_listed_newest_first_and_filtered(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1") as first,
        attend(collector.port, host="h2", stream_id="s2"),
        experiments(collector.port) as stub,
    ):
        await submit(collector.port)
        await submit(collector.port, EXPERIMENT.replace("players", "squad"))
        run_id = (await first.until("lease")).attempt.run_id
        await first.send(starting(1, run_id), ending(2, run_id))
        await watched(collector.port, run_id, RunState.RUN_STATE_DONE)

        every = (await stub.List(ListRequest())).runs
        assert [run.submitted_time_seconds for run in every] == sorted(
            (run.submitted_time_seconds for run in every), reverse=True
        )
        assert len(every) == 4
        assert len((await stub.List(ListRequest(experiment="squad"))).runs) == 2
        assert len((await stub.List(ListRequest(host="h2"))).runs) == 2
        assert len((await stub.List(ListRequest(limit=3))).runs) == 3
        done = (await stub.List(ListRequest(states=[RunState.RUN_STATE_DONE]))).runs
        assert [run.run_id for run in done] == [run_id]


@in_loop
async def test_a_run_is_found_by_an_unambiguous_beginning(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port, host="h1", stream_id="s1"),
        attend(collector.port, host="h2", stream_id="s2"),
        experiments(collector.port) as stub,
    ):
        first, second = await submit(collector.port)
        # Both begin with the second in which they were submitted.
        unique = next(n for n in range(1, len(first)) if first[:n] != second[:n])
        assert (await stub.Get(GetRequest(run_id=first[:unique]))).run.run_id == first

        ambiguous = await failing(stub.Get(GetRequest(run_id=first[:8])))
        unknown = await failing(stub.Cancel(CancelRequest(run_id="zz")))
        empty = await failing(stub.Get(GetRequest()))
        wild = await failing(stub.Get(GetRequest(run_id="%")))

        assert ambiguous.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert first in str(ambiguous.details())
        assert unknown.code() == grpc.StatusCode.NOT_FOUND
        assert empty.code() == grpc.StatusCode.NOT_FOUND
        assert wild.code() == grpc.StatusCode.NOT_FOUND


@in_loop
async def test_watching_an_unknown_run_is_an_error(tmp_path: Path) -> None:
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        error = await failing(stub.Watch(WatchRequest(run_id="zz")).read())

        assert error.code() == grpc.StatusCode.NOT_FOUND


@in_loop
async def test_a_run_comes_with_its_trials_so_far(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port)
        trials = [
            TrialOutcome(trial=1, block=1, position=1, variant="jit"),
            TrialOutcome(
                trial=2,
                block=1,
                position=2,
                variant="aot",
                failure=Failure(message="died", output_tail="x"),
            ),
        ]
        for sequence, trial in enumerate(trials, 1):
            await agent.send(envelope(sequence, run_id, record=Record(trial_outcome=trial)))
        await agent.send(envelope(3, run_id))
        await agent.acked(3)

        answer = await stub.Get(GetRequest(run_id=run_id))
        of_aot = await stub.Get(GetRequest(run_id=run_id, variant="aot"))
        first = await stub.Get(GetRequest(run_id=run_id, trial=trials[0].trial))

        assert list(answer.trials) == trials
        assert list(of_aot.trials) == [each for each in trials if each.variant == "aot"]
        assert list(first.trials) == trials[:1]
        assert answer.host.host == "h1"


@in_loop
async def test_trials_that_printed_much_still_fit_into_an_answer(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port) as agent,
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port, EXPERIMENT.replace("blocks: 3", "blocks: 50"))
        tail = "x" * 60_000
        for trial in range(1, 51):
            outcome = TrialOutcome(
                trial=trial,
                block=trial,
                position=1,
                variant="jit",
                failure=Failure(message="died", output_tail=tail),
                output_tail=tail,
            )
            await agent.send(envelope(trial, run_id, record=Record(trial_outcome=outcome)))
        await agent.acked(50)

        trials = (await stub.Get(GetRequest(run_id=run_id))).trials

        assert len(trials) == 50
        assert {trial.failure.message for trial in trials} == {"died"}


@in_loop
async def test_a_report_of_nothing_or_in_no_form_is_refused(tmp_path: Path) -> None:
    async with (
        collecting(tmp_path) as collector,
        attend(collector.port),
        experiments(collector.port) as stub,
    ):
        (run_id,) = await submit(collector.port)

        nothing = await failing(stub.Report(ReportRequest(run_id=run_id)).read())
        form = ReportRequest(run_id=run_id, format=9)  # type: ignore[arg-type]  # a newer client's
        unknown = await failing(stub.Report(form).read())

        assert nothing.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert "no records" in str(nothing.details())
        assert unknown.code() == grpc.StatusCode.INVALID_ARGUMENT


@in_loop
async def test_what_no_run_or_shift_can_be_is_answered_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        long = await failing(stub.Get(GetRequest(run_id="r" * 900_000)))
        shift = await failing(stub.AcceptShift(AcceptShiftRequest(shift_id=(1 << 64) - 1)))
        states: Any = range(100, 200_100)
        listed = await stub.List(ListRequest(states=states))

    assert (long.code(), long.details()) == (
        grpc.StatusCode.NOT_FOUND,
        f"there is no run '{'r' * 40}'",
    )
    assert (shift.code(), shift.details()) == (
        grpc.StatusCode.NOT_FOUND,
        f"shift {(1 << 64) - 1} does not exist",
    )
    assert not listed.runs
    # gRPC logs what a handler did not expect, with all that was asked.
    assert "Unexpected" not in caplog.text


@on_a_file
@in_loop
async def test_a_store_that_was_moved_away_is_said_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    async with collecting(data) as collector, experiments(collector.port) as stub:
        data.rename(tmp_path / "elsewhere")
        try:
            gone = await failing(stub.List(ListRequest()))
        finally:
            (tmp_path / "elsewhere").rename(data)
        assert not (await stub.List(ListRequest())).runs

    assert gone.code() == grpc.StatusCode.UNAVAILABLE
    why = f"{data}: No such file or directory"
    assert gone.details() == f"the store cannot be read: unable to open database file ({why})"
    assert "Unexpected" not in caplog.text
