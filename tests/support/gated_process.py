"""An `Instance` of the barest kind: a program of this host behind a gate."""

import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from headstart.agent.instances import ExitFacts, Surroundings
from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.linux.netns import NetworkNamespace
from headstart.agent.runtimes.launch_gate import GateFolder
from headstart.agent.runtimes.line_watch import LineWatch
from headstart.agent.runtimes.output import Digest
from headstart.agent.runtimes.runtime import Beside, Written
from headstart.v1.experiment_pb2 import Network


class GatedProcess:
    """Starts at once and waits in its gate; `stop` it."""

    address = "127.0.0.1"
    network: Network.ValueType = Network.NETWORK_HOST
    namespace: NetworkNamespace | None = None
    beside: Beside | None = None
    surroundings = Surroundings()
    cgroup: Cgroup | None = None
    notes: Sequence[str] = ()
    # What a test wants an exit to look like.
    oom_killed = False

    def __init__(self, argv: list[str], folder: Path) -> None:
        self.create_ns = time.monotonic_ns()
        self.gate = GateFolder.make(folder)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by stop
        self.start_call_ns = time.monotonic_ns()
        self.process = subprocess.Popen(
            self.gate.argv(argv, str(self.gate.path)),
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )
        self.pid = self.process.pid
        assert self.gate.wait_blocked(10, lambda: self.process.poll() is None)
        self.engine_ready_ns = time.monotonic_ns()

    def open_gate(self) -> int:
        return self.gate.open()

    def exec_ns(self) -> int | None:
        stamps = self.gate.stamps()
        return stamps.exec_ns if stamps else None

    def pids(self) -> list[int]:
        return [] if self.exited() else [self.pid]

    def exited(self) -> ExitFacts | None:
        status = self.process.poll()
        if status is None:
            return None
        return ExitFacts(128 - status if status < 0 else status, self.oom_killed)

    def output_tail(self, limit_bytes: int = 16384) -> str:
        self._output.seek(0)
        return self._output.read()[-limit_bytes:].decode()

    def follow(self, watch: LineWatch) -> None:
        raise AssertionError("no test has a worker of this kind")

    def read_on(self, timeout_seconds: float) -> None:
        raise AssertionError("no test has a worker of this kind")

    def written(self) -> Written:
        digest = Digest()
        self._output.seek(0)
        digest.take(self._output.read())
        return digest.written()

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()
        self.gate.close()
