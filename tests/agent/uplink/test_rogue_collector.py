"""A collector that is broken, or somebody in its place: the agent lives on and forgets nothing."""

import asyncio
import math
import random
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from headstart.agent.run import execute
from headstart.agent.runtimes.runtime import RuntimeTable
from headstart.agent.trial.tools import Tools
from headstart.agent.uplink.collector_bounds import terms_of, words_of
from headstart.agent.uplink.experiment_bounds import experiment_fault
from headstart.agent.uplink.held_runs import HeldRun
from headstart.agent.uplink.spool import Spool
from headstart.agent.uplink.wire import envelope_of
from headstart.v1.experiment_pb2 import (
    BatchJob,
    Check,
    Command,
    Companion,
    CompanionReady,
    ContainerCheck,
    Experiment,
    HttpCheck,
    Load,
    Plan,
    Seed,
    Service,
    Variant,
    WeightedRequest,
    Words,
)
from headstart.v1.fleet_pb2 import (
    Ack,
    Attempt,
    AttendResponse,
    BlockDecision,
    Cancel,
    Lease,
    LeaseRenewed,
    Welcome,
)
from headstart.v1.host_pb2 import HostFacts
from headstart.v1.records_pb2 import Event, Record, RunOutcome, RunStatus
from support.scripted_collector import Peer, attend, spool_with

LARGEST = 2**64 - 1


def lease(run_id: str = "r1", attempt: int = 1, **experiment: Any) -> AttendResponse:
    return AttendResponse(
        lease=Lease(
            attempt=Attempt(run_id=run_id, attempt=attempt), experiment=Experiment(**experiment)
        )
    )


async def _until_it_leaves(peer: Peer) -> None:
    async for _ in peer.requests:
        pass


ENDING = {
    "an ack of everything": AttendResponse(ack=Ack(sequence=LARGEST)),
    "an ack of a record too much": AttendResponse(ack=Ack(sequence=6)),
    "a run id that is a path": lease("../../etc/passwd"),
    "a run id that is markup": lease("r1\n\x1b[31m"),
    "a run id without end": lease("r" * 1000),
    "no run id": lease(""),
    "attempt 0": lease(attempt=0),
    "an attempt beyond all": lease(attempt=2**32 - 1),
}


@pytest.mark.parametrize("name", ENDING)
def test_what_cannot_be_ends_the_stream_and_nothing_else(tmp_path: Path, name: str) -> None:
    async def rogue(peer: Peer) -> None:
        await peer.welcome()
        await peer.sequences(5)
        await peer.send(ENDING[name])
        await _until_it_leaves(peer)

    async def honest(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(5) == [1, 2, 3, 4, 5]

    asyncio.run(attend(spool_with(tmp_path, 5), rogue, honest))

    assert Spool(tmp_path).state()[1] == 5


def test_a_stream_that_begins_with_no_welcome_is_tried_again(tmp_path: Path) -> None:
    async def rogue(peer: Peer) -> None:
        await anext(peer.requests)
        await peer.send(AttendResponse(ack=Ack(sequence=5)))
        await _until_it_leaves(peer)

    async def honest(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(5) == [1, 2, 3, 4, 5]

    asyncio.run(attend(spool_with(tmp_path, 5), rogue, honest))


def test_a_welcome_that_confirms_what_was_never_sent_makes_nothing_forgotten(
    tmp_path: Path,
) -> None:
    spool = Spool(tmp_path)

    async def first(peer: Peer) -> None:
        await peer.welcome()
        await peer.expect("heartbeat")

    async def rogue(peer: Peer) -> None:
        # Appended since the last stream ended: no collector can have them.
        for number in range(1, 4):
            spool.append(envelope_of(Event(name="note", text=str(number)), "run", 1))
        await peer.welcome(acked=3)
        await _until_it_leaves(peer)

    async def honest(peer: Peer) -> None:
        await peer.welcome()
        assert await peer.sequences(3) == [1, 2, 3]

    asyncio.run(attend(spool, first, rogue, honest))


@pytest.mark.parametrize(
    "welcome",
    [
        Welcome(heartbeat_seconds=math.nan),
        Welcome(heartbeat_seconds=math.inf),
        Welcome(heartbeat_seconds=-1),
        Welcome(heartbeat_seconds=1e300),
        Welcome(heartbeat_seconds=1e-300, ack_window=2**32 - 1, maximum_batch_bytes=1),
        Welcome(protocol_version=77, lease_seconds=math.nan, maximum_batch_bytes=LARGEST),
        Welcome(),
    ],
)
def test_absurd_terms_become_the_nearest_that_work(tmp_path: Path, welcome: Welcome) -> None:
    terms = terms_of(welcome)

    assert 0.02 <= terms.heartbeat_seconds <= 60
    assert 1 <= terms.window <= 4096
    assert 64 * 1024 <= terms.batch_bytes <= 512 * 1024

    async def script(peer: Peer) -> None:
        await anext(peer.requests)
        await peer.send(AttendResponse(welcome=welcome))
        await peer.expect("heartbeat")
        assert await peer.sequences(5) == [1, 2, 3, 4, 5]

    asyncio.run(attend(spool_with(tmp_path, 5), script))


def test_a_flood_of_words_about_nothing_is_passed_over(tmp_path: Path) -> None:
    stranger = Attempt(run_id="never", attempt=7)
    flood = [
        AttendResponse(),
        AttendResponse(welcome=Welcome(acked_sequence=LARGEST)),
        AttendResponse(ack=Ack(sequence=0)),
        AttendResponse(cancel=Cancel(attempt=stranger, reason="x" * 100_000)),
        AttendResponse(block_decision=BlockDecision(attempt=stranger, blocks_done=2**32 - 1)),
        AttendResponse(lease_renewed=LeaseRenewed(attempt=stranger, lease_seconds=math.nan)),
    ]

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.sequences(5)
        for _ in range(200):
            for message in flood:
                await peer.send(message)
        await peer.send(AttendResponse(ack=Ack(sequence=5)))
        while (await peer.expect("heartbeat")).heartbeat.spool_records:
            pass

    asyncio.run(attend(spool_with(tmp_path, 5), script))


def test_a_flood_of_leases_leaves_one_run_that_executes_and_one_that_waits(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    executing: list[str] = []
    most = 0

    def run(held: HeldRun) -> None:
        nonlocal most
        executing.append(held.run_id)
        most = max(most, len(executing))
        release.wait(10)
        executing.remove(held.run_id)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        for number in range(1000):
            await peer.send(lease(f"r{number}"))
        await peer.send(AttendResponse(ack=Ack(sequence=0)))
        heartbeat = (await peer.expect("heartbeat")).heartbeat
        while len(heartbeat.running) < 2 or "512 so far" not in caplog.text:
            heartbeat = (await peer.expect("heartbeat")).heartbeat
        assert sorted(attempt.run_id for attempt in heartbeat.running) == ["r0", "r1"]
        release.set()
        while (await peer.expect("heartbeat")).heartbeat.running:
            pass

    asyncio.run(attend(Spool(tmp_path), script, execute=run))

    assert most == 1
    # At 1, 2, 4 and so on, not a thousand times.
    assert caplog.text.count("is not taken") < 15


def test_leases_that_end_at_once_do_not_fill_the_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(1000):
        spool.append(envelope_of(RunOutcome(), f"old-{number}", 1))
    executed: list[str] = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.sequences(256)
        await peer.send(lease("one-more"))
        for _ in range(3):
            await peer.expect("heartbeat")

    def run(held: HeldRun) -> None:
        executed.append(held.run_id)

    asyncio.run(attend(spool, script, execute=run))

    assert executed == []


def test_a_reason_is_one_line_of_bounded_length(tmp_path: Path) -> None:
    reasons: list[str] = []

    def run(held: HeldRun) -> None:
        held.cancelled.wait(10)
        reasons.append(held.cancel_reason)

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(lease())
        cancel = Cancel(attempt=Attempt(run_id="r1", attempt=1), reason="\x1b[2J\n" + "x" * 10**5)
        while not (await peer.expect("heartbeat")).heartbeat.running:
            pass
        for _ in range(100):
            await peer.send(AttendResponse(cancel=cancel))
        while (await peer.expect("heartbeat")).heartbeat.running:
            pass

    asyncio.run(attend(Spool(tmp_path), script, execute=run))

    assert reasons == [words_of("\x1b[2J\n" + "x" * 10**5)]
    assert len(reasons[0]) < 600
    assert reasons[0].isprintable()


def test_a_word_on_another_block_than_asked_about_is_not_heard(tmp_path: Path) -> None:
    attempt = Attempt(run_id="r1", attempt=1)
    decisions: list[tuple[bool, str]] = []

    async def script(peer: Peer) -> None:
        await peer.welcome()
        await peer.send(lease())
        await peer.expect("block_finished")
        for blocks, reason in ((4, "wrong"), (2**32 - 1, "wrong"), (5, "right")):
            decision = BlockDecision(attempt=attempt, blocks_done=blocks, reason=reason)
            await peer.send(AttendResponse(block_decision=decision))
        while (await peer.expect("heartbeat")).heartbeat.running:
            pass

    def run(held: HeldRun) -> None:
        decisions.append(held.another_block(5))

    asyncio.run(attend(Spool(tmp_path), script, execute=run))

    assert decisions == [(False, "right")]


def two(names: Iterable[str] = ("a", "b"), **fields: Any) -> Experiment:
    return Experiment(variants=[Variant(name=name) for name in names], **fields)


def check_in(container: Variant) -> Check:
    return Check(container=ContainerCheck(container=container))


def beside(**fields: Any) -> Companion:
    return Companion(name="db", container=Variant(name="beside.db", image="db"), **fields)


MALFORMED = {
    "nothing": (Experiment(), "has no variant"),
    "the same variant twice": (two(("a", "a")), "2 variants, 1 of them different"),
    "variants without end": (two(map(str, range(5000))), "5000 variants"),
    "a load without end": (two(load=Load(duration_seconds=math.inf)), "load.duration_seconds"),
    "a load of no length": (two(load=Load(duration_seconds=math.nan)), "load.duration_seconds"),
    "connections without number": (two(load=Load(connections=2**32 - 1)), "connections"),
    "steps without number": (two(load=Load(rate_steps=2**32 - 1)), "steps of its rate"),
    "requests without number": (
        two(load=Load(requests=[WeightedRequest()] * 5000)),
        "5000 requests",
    ),
    "windows without number": (two(load=Load(duration_seconds=1e12)), "windows; at most 100000"),
    "windows of no width": (
        two(load=Load(duration_seconds=0.1, window_seconds=1e-9)),
        "1e-09 s wide",
    ),
    "a port that none can be": (two(service=Service(port=70_000)), "asks at port 70000"),
    "another port that none can be": (
        two(service=Service(port=80, checks=[Check(http=HttpCheck(port=1 << 31))])),
        "asks at port 2147483648",
    ),
    "steps of readiness without number": (
        two(service=Service(port=80, before_ready=[Check()] * 100)),
        "its readiness has 101 steps; at most 5",
    ),
    "idle for ever": (two(plan=Plan(idle_seconds=1e300)), "plan.idle_seconds is 1e+300"),
    "a negative limit": (two(plan=Plan(cpu_limit=-1)), "plan.cpu_limit is -1"),
    "companions without number": (
        two(beside=[Companion(name=f"c{n}") for n in range(5000)]),
        "5000 containers beside its variants",
    ),
    "a companion under a variant's name": (
        two(beside=[Companion(name="db", container=Variant(name="a", image="db"))]),
        "the container 'beside.db' is named 'a'",
    ),
    "a companion that is a command": (
        two(
            beside=[
                Companion(
                    name="db", container=Variant(name="beside.db", command=Command(argv=["true"]))
                )
            ]
        ),
        "beside.db has no image",
    ),
    "a companion that no host can be": (
        two(beside=[Companion(name="a/b", container=Variant(name="beside.a/b", image="db"))]),
        "a companion is named 'a/b'",
    ),
    "a companion that is asked by no command": (
        two(beside=[beside(ready=CompanionReady(command=Words()))]),
        "the command that says whether the companion 'db' is ready is empty",
    ),
    "a seed that is no command": (
        two(beside=[beside(seed=Seed(input=b"x"))]),
        "the seed of the companion 'db' has no command",
    ),
    "a seed without end": (
        two(beside=[beside(seed=Seed(argv=["x"], input=bytes((64 << 10) + 1)))]),
        "the seed of the companion 'db' has 65537 bytes of input; at most 65536",
    ),
    "a seed that goes on for ever": (
        two(beside=[beside(seed=Seed(argv=["x"], timeout_seconds=1e12))]),
        "the seed of the companion 'db' may take 1e+12 s; at most 3600 s",
    ),
    "a companion that is waited for for ever": (
        two(beside=[beside(ready=CompanionReady(port=1, timeout_seconds=1e12))]),
        "the companion 'db' is waited for for 1e+12 s; at most 3600 s",
    ),
    "tests that are a command": (
        two(service=Service(port=80, checks=[check_in(Variant(name="check.1"))])),
        "check.1 has no image",
    ),
    "tests under a variant's name": (
        two(service=Service(port=80, checks=[check_in(Variant(name="a", image="t"))])),
        "the container 'check.1' is named 'a'",
    ),
    "tests of a batch program": (
        two(service=Service(checks=[check_in(Variant(name="check.1", image="t"))])),
        "a container is to check an app without a port",
    ),
    "tests that say when the app is ready": (
        two(service=Service(port=80, ready=check_in(Variant(image="t")))),
        "a container is to say whether the app is ready",
    ),
    "CPUs with a blank, which an engine would be asked for": (
        two(beside=[beside(cpus="0, 1")]),
        "cpus of the companion 'db' is '0, 1'; CPU numbers such as '0' or '0,2-3' were expected",
    ),
    "CPUs that are a path": (two(plan=Plan(server_cpus="../0")), "plan.server_cpus is '../0'"),
    "CPUs backwards": (two(plan=Plan(load_cpus="3-1")), "plan.load_cpus is '3-1'"),
    "CPUs without end": (
        two(plan=Plan(load_cpus=",".join(["1"] * 5000))),
        "plan.load_cpus is '1,1,1",
    ),
    "blocks without number": (
        two(plan=Plan(maximum_blocks=2**32 - 1)),
        "plan.maximum_blocks is 4294967295; at most 10000",
    ),
    "jobs without number": (
        two(jobs=[BatchJob(repeat=2**32 - 1)]),
        "experiment.jobs.repeat is 4294967295; at most 10000",
    ),
    "checks without number": (
        two(service=Service(port=80, checks=[Check()] * 10_001)),
        "experiment.service.checks has 10001 entries; at most 10000",
    ),
    "variables without number": (
        Experiment(variants=[Variant(name="a", environment={f"V{n}": "" for n in range(10_001)})]),
        "experiment.variants.environment has 10001 entries",
    ),
    "a word that no program can be given": (
        Experiment(variants=[Variant(name="a", command=Command(argv=["a\0b"]))]),
        "experiment.variants.command.argv has a character 0",
    ),
    "margins that are none": (two(margins={"x": math.nan}), "experiment.margins is nan"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_experiment_that_nobody_can_run_ends_failed_with_the_reason(
    tmp_path: Path, name: str
) -> None:
    experiment, words = MALFORMED[name]
    spool = Spool(tmp_path)

    def no_runtime(_cancelled: object) -> RuntimeTable:
        raise AssertionError("nothing is to be started")

    tools = Tools(spool, no_runtime, lambda *_cpus: HostFacts(), commands_allowed=False)
    execute(HeldRun("r1", 1, experiment, lambda _question: None), tools)
    (envelope,) = spool.read(0, 10)
    payload = envelope.payload
    if envelope.encoding == 2:
        payload = zstandard.decompress(payload)
    outcome = Record.FromString(payload).run_outcome

    assert words in experiment_fault(experiment)
    assert outcome.status == RunStatus.RUN_STATUS_FAILED
    assert words in outcome.reason


def test_a_run_whose_record_no_collector_takes_ends_failed_and_stores_none(tmp_path: Path) -> None:
    """It would be refused for ever, and all later runs would wait behind it."""
    spool = Spool(tmp_path)
    host = HostFacts(kernel=random.Random(7).randbytes(1 << 20).hex())
    tools = Tools(spool, lambda _cancelled: RuntimeTable({}), lambda *_cpus: host, False)
    execute(HeldRun("r1", 1, two(), lambda _question: None), tools)
    (envelope,) = spool.read(0, 10)

    outcome = Record.FromString(zstandard.decompress(envelope.payload)).run_outcome
    assert outcome.status == RunStatus.RUN_STATUS_FAILED
    assert "(run_started)" in outcome.reason
    assert "more than a collector takes" in outcome.reason
