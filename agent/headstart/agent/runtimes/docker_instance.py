"""One container, from the gate to its removal."""

import logging
import shutil
import signal
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import psutil

from headstart.agent.engine.engine import ContainerSpec, Engine, Started
from headstart.agent.instances import ExitFacts, RuntimeFault, Surroundings, was_cancelled
from headstart.agent.linux.cgroup import open_cgroup
from headstart.agent.linux.cgroup_paths import find_cgroup
from headstart.agent.linux.mountinfo import parse_mountinfo
from headstart.agent.linux.netns import NetworkNamespace
from headstart.agent.policy.host_paths import LentPath
from headstart.agent.runtimes.hosts_file import write_hosts
from headstart.agent.runtimes.launch_gate import Gated, GateFolder
from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.log_stream import LogStream
from headstart.agent.runtimes.members import Handle
from headstart.agent.runtimes.output import Digest
from headstart.agent.runtimes.runtime import Beside, Written
from headstart.agent.untrusted.disk import DiskWatch
from headstart.v1.experiment_pb2 import Network
from headstart.v1.records_pb2 import FailureCode
from headstart.words.container_needs import HOSTS_FILE
from headstart.words.enums import word

log = logging.getLogger(__name__)

# Where the gate's folder stands in a container: read-only but for its stamp,
# since what runs there may be hostile to what the agent opens.
_GATE = "/.headstart"
_BLOCKED_SECONDS = 10.0
_KEPT_BYTES = 128 << 20
_KILLED = 128 + signal.SIGKILL
_DISK_IS_NOT_WATCHED = (
    "the limit of what it may write to disk does not hold: this agent does not see its writable"
    " layer (does it run in a container of its own?)"
)


class DockerInstance(Gated):
    """See `Instance`. The constructor returns when the gate waits; RuntimeFault when it does not.

    `address`: where clients reach the app; empty: the container's own. `network`:
    which one `spec` asks the engine for.
    """

    notes: Sequence[str] = ()
    beside: Beside | None = None

    def __init__(
        self,
        engine: Engine,
        spec: ContainerSpec,
        folder: Path,
        address: str,
        network: Network.ValueType,
    ) -> None:
        self.name = spec.name
        self.network = network
        self._engine = engine
        self._batch = spec.keep_output
        self._lock = threading.Lock()
        self._stopped = False
        self._facts: ExitFacts | None = None
        self._disk_reason = ""
        self._log: LogStream | None = None
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
            self.container = engine.create(_behind_gate(spec, gate))
            undo.callback(engine.remove, self.container, self.name)
            self.start_call_ns = time.monotonic_ns()
            started = engine.start(self.container, self.name)
            self.pid = started.pid
            is_shared = spec.network == "host" or spec.network.startswith("container:")
            self.surroundings = Surroundings(
                spec.network if is_shared else f"container:{self.container}", spec.hosts
            )
            self.address = address or started.address
            self.notes = swap_notes(started, psutil.swap_memory().total)
            self._process = self._handle()
            undo.callback(self._process.close)
            undo.callback(self._process.kill)
            undo.callback(engine.cancelled.killing(self._process.kill))
            if not gate.wait_blocked(_BLOCKED_SECONDS, self._may_wait):
                raise self._not_blocked()
            self.namespace = self._namespace()
            if self.namespace is not None:
                undo.callback(self.namespace.close)
            self.engine_ready_ns = time.monotonic_ns()
            self.cgroup = find_cgroup(self.pid)
            self._reader = open_cgroup(self.cgroup) if self.cgroup else None
            if self._reader:
                undo.callback(self._reader.close)
            self._hold_to_lent(spec.lent)
            self._watch_disk(spec, undo)
            self._undo = undo.pop_all()

    def pids(self) -> list[int]:
        """See `Instance`."""
        if not self._process.alive():
            return []
        listed = self._reader.pids() if self._reader else None
        if listed is None:
            listed = _descendants(self.pid)
        return sorted(listed, key=lambda pid: (pid != self.pid, pid))

    def exited(self) -> ExitFacts | None:
        """See `Instance`; RuntimeFault when the engine cannot say how it ended."""
        if self._process.alive():
            return None
        with self._lock:
            if self._facts is None:
                facts = self._engine.exit_facts(self.container, self.name)
                self._facts = replace(facts, disk=self._disk_reason)
            return self._facts

    def output_tail(self, limit_bytes: int = 16384) -> str:
        """See `Instance`; empty once stopped, the reason when the engine does not tell."""
        if self._stopped:
            return ""
        try:
            tail = ""
            if self._batch:
                tail = self._engine.output(self.container, limit_bytes, stdout=False)
            tail = tail or self._engine.output(self.container, limit_bytes)
        except RuntimeFault as fault:
            tail = f"[{fault.message}]\n"
        return self.with_exec_error(tail)

    def follow(self, watch: LineWatch) -> None:
        """See `Instance`; stdout and stderr are told apart."""
        self._log = LogStream(self._engine.attach(self.container, self.name), watch)
        self._undo.callback(self._log.close)

    def read_on(self, timeout_seconds: float) -> None:
        """See `Instance`."""
        if self._log is not None:
            self._log.wait(timeout_seconds)

    def written(self) -> Written:
        """See `Instance`; at most 128 MiB."""
        digest = Digest()
        for piece in self._engine.stdout(self.container, _KEPT_BYTES):
            digest.take(piece)
        written = digest.written()
        return replace(written, complete=written.size_bytes <= _KEPT_BYTES)

    def kill(self) -> None:
        """See `Instance`; the kernel kills the others of its pid namespace with the first."""
        self._process.kill()

    def stop(self) -> None:
        """See `Instance`; RuntimeFault when the engine does not answer.

        Then it is dead nevertheless, and removed when the agent starts anew.
        """
        with self._lock:
            if self._facts is None:
                self._facts = ExitFacts(_KILLED)
            self._stopped = True
        self._undo.close()

    def _watch_disk(self, spec: ContainerSpec, undo: ExitStack) -> None:
        if not spec.disk_bytes:
            return
        lent = {each.identity for each in spec.lent}
        watch = DiskWatch(self.pid, self.pids, spec.disk_bytes, self._exceeded, lent)
        undo.callback(watch.close)
        self.notes = [*self.notes, *watch.notes]
        if not watch.watches:
            self.notes = [*self.notes, _DISK_IS_NOT_WATCHED]
        watch.start()

    def _hold_to_lent(self, lent: Sequence[LentPath]) -> None:
        """Somebody may have put a link into a path after it was looked at.

        The gate is all that runs there as yet. Whoever is not root cannot look, and has to
        believe the engine.
        """
        if not lent:
            return
        bound = set()
        for mount in parse_mountinfo(Path(f"/proc/{self.pid}/mountinfo").read_text()):
            try:
                found = Path(f"/proc/{self.pid}/root{mount.point}").stat()
            except PermissionError:
                return
            except OSError:
                # Another one lies over it.
                continue
            bound.add((found.st_dev, found.st_ino))
        for each in lent:
            if each.identity not in bound:
                raise self._fault(f"what {each.target} has is not {each.source} of this host")

    def _exceeded(self, reason: str) -> None:
        """Called in the thread that watches the disk."""
        log.warning("%s is killed: %s", self.name, reason)
        self._disk_reason = reason
        self._process.kill()

    def _handle(self) -> Handle:
        """The process behind the pid that the engine told, if it is one of this kernel's."""
        try:
            process = Handle(self.pid)
        except (OSError, ValueError) as error:
            raise self._fault("it ended at once, or runs where this agent cannot see it") from error
        # A Docker Desktop's pids are those of its virtual machine: another process here.
        if self.container in _text(Path(f"/proc/{self.pid}/cgroup")):
            return process
        process.close()
        raise self._fault(f"pid {self.pid}, as the engine says, is not its process on this host")

    def _namespace(self) -> NetworkNamespace | None:
        """The one that clients of the app enter; RuntimeFault when it is not what was asked for."""
        if self._batch or self.network == Network.NETWORK_HOLDER:
            return None
        try:
            found = NetworkNamespace.of_process(self.pid)
        except OSError as error:
            if self.network == Network.NETWORK_HOST:
                # Not root: what can be asked from here shows only when it is.
                return None
            raise self._fault(f"its network cannot be entered: {error.strerror}") from error
        # A pid is not given to another while its process lives.
        is_right = self._process.alive() and (
            found.is_current() == (self.network == Network.NETWORK_HOST)
        )
        if is_right and self.network != Network.NETWORK_HOST:
            return found
        found.close()
        if not is_right:
            raise self._fault(
                "the network that the engine gave it is not the one that was asked for"
                f" ({word(Network, self.network)})"
            )
        return None

    def _may_wait(self) -> bool:
        return self._process.alive() and not self._engine.cancelled.is_set()

    def _not_blocked(self) -> RuntimeFault:
        if self._engine.cancelled.is_set():
            return was_cancelled()
        return self._fault("its gate does not run")

    def _fault(self, reason: str) -> RuntimeFault:
        return RuntimeFault(
            FailureCode.FAILURE_CODE_ENGINE,
            f"{self.name} did not get ready: {reason}; the engine must run on this host and kernel",
            output_tail=self.output_tail(),
        )


def swap_notes(started: Started, host_swap_bytes: int) -> list[str]:
    """What to say where an engine left out the limit of swap, as it does without a word."""
    limited = started.memory_swap == started.memory
    if limited or not started.memory or not host_swap_bytes:
        return []
    return [
        (
            "the memory limit holds without swap only: this engine cannot limit swap"
            f" (`docker info` says why), and the host has {host_swap_bytes >> 20} MiB of it"
        )
    ]


def _behind_gate(spec: ContainerSpec, gate: GateFolder) -> ContainerSpec:
    stamp = gate.path / "stamp"
    mounts = {gate.path: (_GATE, True), stamp: (f"{_GATE}/{stamp.name}", False)}
    if spec.hosts:
        hosts = gate.path / "hosts"
        write_hosts(hosts, spec.hosts, spec.network)
        mounts[hosts] = (HOSTS_FILE, True)
    return replace(spec, argv=gate.argv(spec.argv, _GATE), mounts=mounts)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _descendants(pid: int) -> list[int]:
    try:
        process = psutil.Process(pid)
        return [pid, *(child.pid for child in process.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []
