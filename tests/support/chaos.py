"""A fleet that is killed, reset, copied, cut off and run out of room, by a seed.

Its apps keep a record of their own (`counting_server.py`), against which every DONE run is held:
each trial had one process, and the load's requests are those that this process answered.
"""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import yaml

from headstart.collector.config import CollectorConfig, Timing
from headstart.v1.experiments_pb2 import (
    GetRequest,
    ListHostsRequest,
    ListRequest,
    ReportFormat,
    ReportRequest,
    RunState,
    RunSummary,
    SubmitRequest,
)
from headstart.v1.experiments_pb2_grpc import ExperimentsServiceStub
from headstart.words.enums import word
from support.collector_process import CollectorProcess
from support.counting_server import LOAD
from support.running import HEADSTART, free_port
from support.waiting import wait_until

_SERVER = Path(__file__).with_name("counting_server.py")
_OPEN = (RunState.RUN_STATE_QUEUED, RunState.RUN_STATE_LEASED)
_TIMING = Timing(heartbeat_seconds=0.5, lease_seconds=8.0, tick_seconds=0.2)
_CONNECTIONS = 2
_CALL_SECONDS = 10.0
_PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
# An agent takes runs while 64 MiB are free.
_AGENT_DISK_MIB = 160
_COLLECTOR_DISK_MIB = 48


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A file system of its own in memory; needs root."""
    folder.mkdir(parents=True)
    size = f"size={mebibytes}m,mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "chaos", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(folder: Path, leave_bytes: int = 0) -> None:
    """Take all the room there is but so much."""
    # Unbuffered: what finds no room must not be tried again at the end.
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        for _ in range(max(0, shutil.disk_usage(folder).free - leave_bytes) >> 12):
            file.write(bytes(4096))


def free(folder: Path) -> None:
    """Give back what `fill` took."""
    (folder / "filler").unlink(missing_ok=True)


def _copy(folder: Path, to: Path) -> None:
    # With its named pipes, unlike shutil.
    subprocess.run(["cp", "-a", str(folder), str(to)], check=True)


@dataclass
class Host:
    """An agent's machine: its disk, and the agents that live on it or on copies of it."""

    name: str
    disk: Path
    policy: Path
    port: int
    log: Path
    target: str = ""
    process: "subprocess.Popen[bytes] | None" = None
    copies: "list[subprocess.Popen[bytes]]" = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.disk / "state"

    def start(self) -> None:
        """Start the agent unless it lives."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.agent(self.state)

    def agent(self, state: Path) -> "subprocess.Popen[bytes]":
        options = ("--collector", self.target, "--plaintext", "--host", self.name)
        place = ("--policy", self.policy, "--state", state, "--label", f"host={self.name}")
        with self.log.open("ab") as log:
            return subprocess.Popen([HEADSTART, "agent", *options, *place], stderr=log)

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the agent and wait for it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def end_copies(self) -> None:
        for copy in self.copies:
            copy.kill()
            copy.wait()
        self.copies.clear()

    def snapshot(self, to: Path) -> None:
        """The state as it is at one moment, as a hypervisor takes it."""
        shutil.rmtree(to, ignore_errors=True)
        if self.process is not None:
            self.process.send_signal(signal.SIGSTOP)
        _copy(self.state, to)
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)


@dataclass
class Verdict:
    """What became of it all."""

    done: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    trials: int = 0
    requests: int = 0


class Chaos:
    """Made by `chaos`. `clock` counts seconds of what happened."""

    def __init__(self, folder: Path, seed: int, hosts: list[Host], collector: CollectorProcess):
        self.random = random.Random(seed)  # to be repeated
        self.folder = folder
        self.records = folder / "records"
        self.hosts = hosts
        self.collector = collector
        self.done: Counter[str] = Counter()
        self.records.mkdir()
        self._channel: grpc.Channel | None = None

    # What happens

    def kill_agent(self, host: Host) -> None:
        host.end()
        host.start()

    def stop_agent(self, host: Host) -> None:
        host.end(signal.SIGTERM)
        host.start()

    def kill_collector(self, _host: Host) -> None:
        self.collector.restart()

    def reset_to_snapshot(self, host: Host) -> None:
        """The machine goes on for a while and then back to what it was."""
        image = self.folder / f"{host.name}-image"
        host.snapshot(image)
        self._pass(2.0, 6.0)
        host.end()
        shutil.rmtree(host.state)
        _copy(image, host.state)
        host.start()

    def clone(self, host: Host) -> None:
        """A copy of the machine lives beside it and then alone, or the other way round."""
        image = host.disk / "clone"
        if host.copies or shutil.disk_usage(host.disk).free < (80 << 20):
            host.end_copies()
            return
        host.snapshot(image)
        host.copies.append(host.agent(image))
        self._pass(0.5, 2.0)
        if self.random.random() < 0.5:
            host.end()
            self._pass(1.0, 3.0)
        host.end_copies()
        host.start()

    def cut_submit(self, host: Host) -> None:
        """A client that is interrupted in the middle of its submission."""
        call = self._stub().Submit.future(self._request(host), timeout=_CALL_SECONDS)
        time.sleep(self.random.uniform(0.0, 0.06))
        call.cancel()

    def fill_agent_disk(self, host: Host) -> None:
        fill(host.disk, leave_bytes=self.random.choice((0, 0, 30 << 20)))
        self._pass(1.0, 4.0)
        free(host.disk)

    def fill_collector_disk(self, _host: Host) -> None:
        disk = self.folder / "collector"
        fill(disk)
        self._pass(1.0, 3.0)
        free(disk)

    def submit(self, host: Host) -> None:
        try:
            self._stub().Submit(self._request(host), timeout=_CALL_SECONDS)
        except grpc.RpcError as error:
            if error.code() not in _PASSING:
                raise
            # Its collector is being killed, or has no room.
            self.done["refused submit"] += 1

    # How it goes

    def run(self, seconds: float) -> None:
        """Let things happen for so long."""
        happenings: list[Callable[[Host], None]] = [
            self.kill_agent,
            self.stop_agent,
            self.kill_collector,
            self.reset_to_snapshot,
            self.reset_to_snapshot,
            self.clone,
            self.cut_submit,
            self.fill_agent_disk,
            self.fill_collector_disk,
        ]
        end = time.monotonic() + seconds
        # Each at least once, if there is time.
        plan = self.random.sample(happenings, len(happenings))
        while time.monotonic() < end:
            happening = plan.pop() if plan else self.random.choice(happenings)
            host = self.random.choice(self.hosts)
            if self._unfinished(host) < 2:
                self.submit(host)
            happening(host)
            self.done[happening.__name__] += 1
            self._pass(0.5, 3.0)

    def settle(self, seconds: float) -> list[RunSummary]:
        """Let everybody be well; all runs, once none is open. TimeoutError."""
        free(self.folder / "collector")
        for host in self.hosts:
            free(host.disk)
            host.end_copies()
            host.start()
            self.submit(host)
        deadline = time.monotonic() + seconds
        while True:
            runs = self._runs()
            if runs and all(run.state not in _OPEN for run in runs):
                return runs
            if time.monotonic() > deadline:
                words = [f"{r.run_id} {RunState.Name(r.state)} {r.reason}" for r in runs]
                raise TimeoutError("not all runs ended:\n" + "\n".join(words))
            time.sleep(0.5)

    def judge(self, runs: list[RunSummary]) -> Verdict:
        """Hold every DONE run against the servers' record."""
        verdict = Verdict(self.done)
        for run in runs:
            verdict.states[word(RunState, run.state)] += 1
            if run.state == RunState.RUN_STATE_DONE:
                self._hold(run, verdict)
        return verdict

    def _hold(self, run: RunSummary, verdict: Verdict) -> None:
        stub = self._stub()
        outcomes = stub.Get(GetRequest(run_id=run.run_id), timeout=_CALL_SECONDS).trials
        asked = ReportRequest(run_id=run.run_id, format=ReportFormat.REPORT_FORMAT_JSON)
        report = yaml.safe_load(b"".join(piece.chunk for piece in stub.Report(asked)))
        served = self._served(run)
        where = f"run {run.run_id}, attempt {run.attempt}"
        if sorted(o.trial for o in outcomes) != list(range(1, len(outcomes) + 1)):
            verdict.wrong.append(f"{where}: the outcomes are of {[o.trial for o in outcomes]}")
        counted = sum(variant["trials"] for variant in report["variants"])
        if counted != len(outcomes):
            verdict.wrong.append(f"{where}: {counted} trials in the report of {len(outcomes)}")
        if unknown := served.keys() - {o.trial for o in outcomes}:
            verdict.wrong.append(f"{where}: trials {sorted(unknown)} were served, not counted")
        for outcome in outcomes:
            answered = served.get(outcome.trial, [])
            if outcome.HasField("failure"):
                continue
            verdict.trials += 1
            verdict.requests += outcome.load.completed
            # What was on its way at the end of the load was answered and is not counted.
            if len(answered) != 1 or not (
                0 <= answered[0] - outcome.load.completed <= _CONNECTIONS
            ):
                verdict.wrong.append(
                    f"{where}, trial {outcome.trial}: {outcome.load.completed} requests "
                    f"counted, its servers answered {answered}"
                )

    def _served(self, run: RunSummary) -> dict[int, list[int]]:
        """Requests of the load, by trial, of each server that was started for it."""
        found: dict[int, list[int]] = {}
        prefix = f"headstart-{run.run_id}-{run.attempt}-t"
        for record in self.records.glob(f"{prefix}*"):
            trial = int(record.name.removeprefix(prefix).split(".")[0])
            found.setdefault(trial, []).append(record.read_bytes().count(LOAD))
        return found

    def _runs(self) -> list[RunSummary]:
        try:
            return list(self._stub().List(ListRequest(limit=1000), timeout=_CALL_SECONDS).runs)
        except grpc.RpcError:
            return []

    def all_attend(self) -> bool:
        """Whether every host's agent is connected."""
        hosts = self._stub().ListHosts(ListHostsRequest(), timeout=_CALL_SECONDS).hosts
        return sum(host.connected for host in hosts) == len(self.hosts)

    def _unfinished(self, host: Host) -> int:
        return sum(run.host == host.name and run.state in _OPEN for run in self._runs())

    def _pass(self, least: float, most: float) -> None:
        time.sleep(self.random.uniform(least, most))

    def _stub(self) -> ExperimentsServiceStub:
        if self._channel is None:
            self._channel = grpc.insecure_channel(
                f"127.0.0.1:{self.collector.port}",
                options=[("grpc.max_reconnect_backoff_ms", 500)],
            )
        return ExperimentsServiceStub(self._channel)

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()

    def _request(self, host: Host) -> SubmitRequest:
        app = [sys.executable, "-E", str(_SERVER), str(host.port), str(self.records)]
        content = {
            "experiment": f"chaos-{host.name}",
            "baseline": "a",
            "variants": {"a": {"command": app}, "b": {"command": app}},
            "service": {"port": host.port, "ready": "GET /health"},
            "load": {
                "request": "GET /load",
                "connections": _CONNECTIONS,
                "duration": "1s",
                "window": "100ms",
                "driver": "builtin",
            },
            "plan": {"blocks": 2, "idle": "50ms", "settle": "50ms", "quiet": "0s"},
            "hosts": {"labels": {"host": host.name}},
        }
        return SubmitRequest(source_text=yaml.safe_dump(content), base_directory="/")


@contextmanager
def chaos(folder: Path, seed: int, hosts: int = 2) -> Iterator[Chaos]:
    """A collector and agents, each with a small disk of its own; needs root."""
    with ExitStack() as stack:
        policy = folder / "policy.toml"
        policy.write_text("commands = true\n")
        data = stack.enter_context(small_disk(folder / "collector", _COLLECTOR_DISK_MIB))
        collector = CollectorProcess(CollectorConfig(data=data / "store", timing=_TIMING))
        stack.callback(collector.kill)
        made = []
        for number in range(1, hosts + 1):
            disk = stack.enter_context(small_disk(folder / f"h{number}", _AGENT_DISK_MIB))
            log = folder / f"h{number}.log"
            host = Host(f"h{number}", disk, policy, free_port(), log)
            host.target = f"127.0.0.1:{collector.port}"
            stack.callback(host.end)
            stack.callback(host.end_copies)
            host.start()
            made.append(host)
        found = Chaos(folder, seed, made, collector)
        stack.callback(found.close)
        wait_until(found.all_attend, seconds=60.0)
        yield found
