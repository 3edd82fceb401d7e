"""One process of this host, from the gate to its removal."""

import os
import resource
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from headstart.agent.cancellation import Cancellation
from headstart.agent.instances import (
    MARK_VARIABLE,
    ExitFacts,
    RuntimeFault,
    Surroundings,
    mark,
    mark_entry,
    was_cancelled,
)
from headstart.agent.linux.cgroup import open_cgroup
from headstart.agent.linux.netns import NetworkNamespace
from headstart.agent.runtimes.launch_gate import Gated, GateFolder
from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.members import Members, kill_all, marked
from headstart.agent.runtimes.output import Digest, OutputPipe
from headstart.agent.runtimes.process_cgroup import CgroupParent, Limits, ProcessCgroup
from headstart.agent.runtimes.runtime import Beside, Written
from headstart.v1.experiment_pb2 import Network
from headstart.v1.records_pb2 import FailureCode

_BLOCKED_SECONDS = 10.0
_KILL_SECONDS = 10.0
_SIGNALLED = 128
# A batch program that writes megabytes at its end is not to wait for the reader.
_BATCH_REST_SECONDS = 0.002


@dataclass(frozen=True)
class ProcessSpec:
    """A process as it is to be made. `identity` is that of the agent's state folder."""

    identity: str
    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    working_directory: str
    # Where the app listens on this host.
    address: str
    # Empty: every CPU of the agent.
    cpus: frozenset[int]
    limits: Limits
    # Its stdout is kept apart from its stderr, all of it as a digest.
    batch: bool = False


class ProcessInstance(Gated):
    """See `Instance`. The constructor returns when the gate waits.

    It raises RuntimeFault, or OSError when something cannot be made. `cgroups`
    None: this host permits no control group, and no limit holds.
    """

    network: Network.ValueType = Network.NETWORK_HOST
    # A process of this host is in the agent's.
    namespace: NetworkNamespace | None = None
    beside: Beside | None = None
    surroundings = Surroundings()
    notes: Sequence[str] = ()

    def __init__(
        self,
        spec: ProcessSpec,
        folder: Path,
        cgroups: CgroupParent | None,
        cancelled: Cancellation,
    ) -> None:
        self.name = spec.name
        self.address = spec.address
        self._lock = threading.Lock()
        self._facts: ExitFacts | None = None
        entry = mark_entry(spec.identity, spec.name)
        if folder.exists():
            raise FileExistsError(f"{folder} is in use")
        # Each part says how it is undone, as far as can be before it is made, since
        # Ctrl-C may come while it is; the last one is undone first.
        with ExitStack() as undo:
            self.create_ns = time.monotonic_ns()
            undo.callback(shutil.rmtree, folder, ignore_errors=True)
            folder.mkdir(parents=True)
            gate = GateFolder.make(folder)
            undo.callback(gate.close)
            super().__init__(gate, spec.argv[0])
            self._output = OutputPipe()
            undo.callback(self._output.close)
            self._digest = Digest()
            self._stdout = self._output
            if spec.batch:
                self._stdout = OutputPipe(self._digest.take, _BATCH_REST_SECONDS)
                undo.callback(self._stdout.close)
            group = cgroups.group(spec.name) if cgroups else None
            if group is not None:
                undo.callback(group.remove)
                group.make()
                group.limit(spec.limits)
            undo.callback(_kill_all, partial(marked, entry))
            # First, where it is found however long the environment is.
            environment = {MARK_VARIABLE: "", **spec.environment}
            environment[MARK_VARIABLE] = mark(spec.identity, spec.name)
            self.start_call_ns = time.monotonic_ns()
            self._process = subprocess.Popen(
                gate.argv(spec.argv, str(gate.path)),
                cwd=spec.working_directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=self._stdout.write_end,
                stderr=self._output.write_end,
                start_new_session=True,
            )
            undo.callback(_reap, self._process)
            self._output.started()
            if spec.batch:
                self._stdout.started()
            self.pid = self._process.pid
            members = Members(self.pid, entry)
            undo.callback(_kill_all, members.pids)
            undo.callback(cancelled.killing(self._process.kill))
            self._place(spec.cpus, group)
            if not gate.wait_blocked(
                _BLOCKED_SECONDS,
                lambda: self._process.poll() is None and not cancelled.is_set(),
            ):
                if cancelled.is_set():
                    raise was_cancelled()
                raise self._fault(
                    f"its gate does not run (status {self._process.poll()});"
                    f" may programs be executed in {folder}?"
                )
            self.engine_ready_ns = time.monotonic_ns()
            self._pids = group.pids if group else members.pids
            self.cgroup = group.facts if group else None
            self._undo = undo.pop_all()

    def pids(self) -> list[int]:
        """See `Instance`."""
        return [] if self.exited() else self._pids()

    def exited(self) -> ExitFacts | None:
        """See `Instance`; a process that a signal ended has status 128 + its number."""
        status = self._process.poll()
        if status is None:
            return None
        with self._lock:
            if self._facts is None:
                self._facts = ExitFacts(
                    status=_SIGNALLED - status if status < 0 else status,
                    oom_killed=status < 0 and self._oom_kills() > 0,
                )
            return self._facts

    def output_tail(self, limit_bytes: int = 16384) -> str:
        """See `Instance`."""
        tail = self._output.tail(limit_bytes) or self._stdout.tail(limit_bytes)
        return self.with_exec_error(tail)

    def follow(self, watch: LineWatch) -> None:
        """See `Instance`; stdout and stderr are one stream."""
        self._output.follow(watch)

    def read_on(self, timeout_seconds: float) -> None:  # noqa: ARG002  # Instance
        """See `Instance`."""
        self._output.tail(0)

    def written(self) -> Written:
        """See `Instance`."""
        # What is still in the pipe.
        self._stdout.tail(0)
        return self._digest.written()

    def kill(self) -> None:
        """See `Instance`; RuntimeFault when something could not be killed."""
        try:
            _reap(self._process)
            _kill_all(self._pids)
        except OSError as error:
            raise self._fault(f"it could not be killed: {error}") from error

    def stop(self) -> None:
        """See `Instance`; RuntimeFault when something could not be killed or removed."""
        try:
            self._undo.close()
        except OSError as error:
            raise self._fault(f"it could not be removed: {error}") from error

    def _place(self, cpus: frozenset[int], group: ProcessCgroup | None) -> None:
        """While it waits in the gate: what it becomes inherits both."""
        # A crash is to leave no file in the user's folder.
        resource.prlimit(self.pid, resource.RLIMIT_CORE, (0, 0))
        if group is not None:
            group.place(self.pid)
        if cpus:
            try:
                os.sched_setaffinity(self.pid, cpus)
            except OSError as error:
                raise self._fault(
                    f"the plan pins the server to CPUs {sorted(cpus)}, this agent may use"
                    f" {sorted(os.sched_getaffinity(0))}"
                ) from error

    def _oom_kills(self) -> int:
        if self.cgroup is None:
            return 0
        reader = open_cgroup(self.cgroup)
        kills = reader.oom_kills() or 0
        reader.close()
        return kills

    def _fault(self, reason: str) -> RuntimeFault:
        return RuntimeFault(FailureCode.FAILURE_CODE_AGENT, f"{self.name}: {reason}")


def _reap(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    try:
        process.wait(_KILL_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"process {process.pid} lives on after SIGKILL") from error


def _kill_all(find: Callable[[], Collection[int]]) -> None:
    if left := kill_all(find, _KILL_SECONDS):
        raise OSError(f"processes {left} live on after SIGKILL")
