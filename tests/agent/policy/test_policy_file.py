"""The policy file: read anew for each run, with what changed in the log, never an old one."""

import asyncio
import logging
from pathlib import Path

import pytest

from headstart.agent.agent import Agent, AgentConfig
from headstart.agent.policy.policy import Policy, PolicyError
from headstart.agent.policy.policy_file import PolicyFile
from headstart.agent.uplink.spool import Spool
from headstart.v1 import host_pb2
from headstart.v1.experiment_pb2 import Command, Experiment, Variant
from headstart.v1.fleet_pb2 import Attempt
from headstart.v1.records_pb2 import RunOutcome, RunStatus
from support.hanging import record_of
from support.scripted_collector import Peer, attend
from support.waiting import wait_until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text('images = ["players:*"]\n')
    return path


def test_an_edit_holds_at_once_and_is_logged_by_key(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = PolicyFile(path, Policy.load(path))
    path.write_text('images = ["squad:*"]\ncommands = true\nmemory_limit = "1GiB"\n')

    assert file.read() == Policy(images=("squad:*",), commands=True, memory_limit_bytes=1 << 30)
    assert [record.getMessage().partition(" changed: ")[2] for record in caplog.records] == [
        "images was ['players:*'], is ['squad:*']",
        "commands was false, is true",
        "memory_limit was 4294967296, is 1073741824",
    ]

    caplog.clear()
    file.read()
    assert caplog.records == []


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "it cannot be read: No such file or directory"),
        (lambda path: path.write_text("images = [\n"), "not TOML"),
        (lambda path: path.write_text('images = ["a/../b"]\n'), "line 1: images: no image"),
        (lambda path: path.write_text("imagse = []\n"), "line 1: imagse: unknown key"),
        (lambda path: path.write_bytes(b"\xff"), "not UTF-8"),
        (lambda path: (path.unlink(), path.mkdir()), "it cannot be read: Is a directory"),
    ],
    ids=["gone", "torn", "pattern", "key", "bytes", "folder"],
)
def test_under_a_file_that_cannot_be_used_nothing_may_run(
    path: Path, caplog: pytest.LogCaptureFixture, spoil: object, reason: str
) -> None:
    file = PolicyFile(path, Policy.load(path))
    spoil(path)  # type: ignore[operator]  # the lambdas above
    for _ in range(3):
        with pytest.raises(PolicyError, match=reason):
            file.read()

    assert file.holds() == Policy.default()
    told = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(told) == 1
    assert "nothing may run here until the policy file is mended" in told[0]


def run_a_command(agent: Agent, run_id: str) -> RunOutcome:
    """How a run of a command ends, which the first policy allows."""
    variants = [Variant(name=name, command=Command(argv=["/bin/true"])) for name in ("a", "b")]
    experiment = Experiment(name="x", baseline="a", variants=variants)
    experiment.service.ready.command.SetInParent()
    experiment.plan.blocks = 1
    agent.runs.start(Attempt(run_id=run_id, attempt=1), experiment, lambda _question: None)
    wait_until(lambda: agent.runs.running() == [], 60)
    records = agent.spool.read(0, 1000)
    outcome = RunOutcome()
    outcome.CopyFrom(record_of(records[-1]).run_outcome)
    return outcome


def test_hellos_and_heartbeats_tell_the_policy_that_holds(tmp_path: Path) -> None:
    told: list[list[str]] = []
    holds = host_pb2.Policy(images=["a"])

    async def script(peer: Peer) -> None:
        await peer.welcome()
        told.append(list(peer.hello.policy.images))
        await peer.expect("heartbeat")
        holds.images[:] = ["b"]
        while not (beat := (await peer.expect("heartbeat")).heartbeat).HasField("policy"):
            pass
        told.append(list(beat.policy.images))
        told.append([str((await peer.expect("heartbeat")).heartbeat.HasField("policy"))])

    def policy() -> host_pb2.Policy:
        now = host_pb2.Policy()
        now.CopyFrom(holds)
        return now

    asyncio.run(attend(Spool(tmp_path), script, policy=policy))

    assert told == [["a"], ["b"], ["False"]]


def test_each_run_is_held_against_the_file_as_it_is_then(tmp_path: Path, path: Path) -> None:
    path.write_text("commands = true\n")
    agent = Agent(
        AgentConfig(
            target="unused",
            state=tmp_path / "state",
            host="here",
            policy=Policy.load(path),
            policy_file=path,
        )
    )
    agent.attendance.wake = lambda: None  # type: ignore[method-assign]  # nobody attends
    allowed = run_a_command(agent, "r1")
    path.write_text("commands = false\n")
    refused = run_a_command(agent, "r2")
    path.unlink()
    gone = run_a_command(agent, "r3")
    agent.spool.close()
    agent._lock.close()

    assert allowed.status == RunStatus.RUN_STATUS_DONE
    assert refused.status == gone.status == RunStatus.RUN_STATUS_FAILED
    assert "the policy of this host does not allow" in refused.reason
    assert gone.reason == (
        "the policy file of this host cannot be used, so that nothing may run:"
        f" {path}: it cannot be read: No such file or directory"
    )
