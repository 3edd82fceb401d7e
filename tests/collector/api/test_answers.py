"""No agent fills the answers that are about others too."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from headstart.collector.api.answers import (
    LARGEST_BYTES,
    hosts_that_fit,
    runs_that_fit,
    trials_that_fit,
)
from headstart.collector.api.status_codes import Status
from headstart.collector.store import ends, hosts as store_hosts, leasing, queries, submitting
from headstart.collector.store.store import Store
from headstart.v1.experiments_pb2 import HostState, ListHostsRequest, ListRequest, RunSummary
from headstart.v1.fleet_pb2 import Attempt, Progress
from headstart.v1.host_pb2 import Fact, HostFacts, Policy
from headstart.v1.records_pb2 import Failure, RunOutcome, RunStatus, TrialOutcome
from support.attending import collecting, experiments, in_loop
from support.fake_runs import small

KIB = 1024


@in_loop
async def test_runs_with_long_reasons_and_hosts_with_long_facts_are_listed(tmp_path: Path) -> None:
    failed = RunOutcome(status=RunStatus.RUN_STATUS_FAILED, reason="r" * 63 * KIB)
    async with Store(tmp_path) as store:
        for number in range(80):
            host = HostFacts(host=f"h{number}", other=[Fact(name="n", value="v" * 60 * KIB)])
            await store.write(partial(store_hosts.greet, facts=host, policy=Policy(), now=1.0))
            name = host.host
            (run_id,) = await store.write(
                partial(
                    submitting.submit, experiment=small().experiment(), on_hosts=[name], now=2.0
                )
            )
            await store.write(partial(leasing.lease_next, host=name, now=3.0))
            attempt = Attempt(run_id=run_id, attempt=1)
            await store.write(partial(ends.finish, attempt=attempt, outcome=failed, now=4.0))
        whole = await store.read(lambda c: queries.summary(c, run_id))
        assert whole.reason == failed.reason

    async with collecting(tmp_path) as collector, experiments(collector.port) as stub:
        runs = (await stub.List(ListRequest())).runs
        hosts = (await stub.ListHosts(ListHostsRequest())).hosts

    assert len(runs) == len(hosts) == 80
    assert {run.reason for run in runs} == {f"{'r' * 1000} ..."}
    assert not any(state.host.other for state in hosts)


def test_hosts_that_say_no_more_than_their_share_keep_what_they_say() -> None:
    cpu = HostState(host=HostFacts(host="honest", other=[Fact(name="n", value="v" * 1000)]))
    loud = [HostState(host=HostFacts(host=f"h{n}")) for n in range(1999)]
    for state in loud:
        state.host.labels["l"] = "v" * 3000
        state.not_ready = "\U0001f600" * 4000

    fitting = hosts_that_fit([cpu, *loud])

    assert fitting[0].host.other[0].value == "v" * 1000
    assert [state.host.host for state in fitting[1:]] == [f"h{n}" for n in range(1999)]
    assert sum(state.ByteSize() for state in fitting) <= LARGEST_BYTES


def test_a_list_that_is_too_long_all_the_same_says_so() -> None:
    long = "\U0001f600" * 5000
    runs = [RunSummary(reason=long, progress=Progress(doing=long)) for _ in range(1000)]

    with pytest.raises(Status, match=r"1000 runs have .* bytes or more, .* ask for fewer"):
        runs_that_fit(runs)


def test_trials_are_given_without_their_output_where_it_is_too_much() -> None:
    def trials(output: int) -> list[TrialOutcome]:
        failure = Failure(message="it died", output_tail="x" * output)
        return trials_that_fit(TrialOutcome(trial=n, failure=failure) for n in range(1, 101))

    assert all(trial.failure.output_tail for trial in trials(1 * KIB))
    assert not any(trial.failure.output_tail for trial in trials(60 * KIB))
    assert len(trials(60 * KIB)) == 100


def test_trials_that_are_endless_are_not_gathered() -> None:
    made = 0

    def endless() -> Iterator[TrialOutcome]:
        nonlocal made
        while made < 1000:
            made += 1
            yield TrialOutcome(failure=Failure(message="x" * (1 << 20)))

    with pytest.raises(Status, match=r"trials have .* bytes or more, .* ask for one variant"):
        trials_that_fit(endless())

    assert made <= 4
