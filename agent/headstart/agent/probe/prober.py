"""The agent's side of the prober: a process of its own that times first correct responses.

It is started once a run and serves all of its trials: a Python process takes
0.2 s to start and some rounds until it is at its best. Its priority is as
everybody's: raised, it would push what shares its core to the app's, the
sampler first, and what it misses it knows and says.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Literal

from headstart.agent.cancellation import Cancellation
from headstart.agent.deadline import Deadline
from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.linux.netns import NetworkNamespace
from headstart.agent.linux.sysfs import parse_cpus
from headstart.agent.probe.task import Occupied, ProbeResult, ProbeTask, Word
from headstart.v1.experiment_pb2 import HttpCheck

# Generous: on a loaded host the process may take seconds to be imported.
_ANSWER_SECONDS = 30.0
# It looks every 2 ms. One that does not is killed; the next one takes 0.2 s to start.
_CANCEL_SECONDS = 0.25
# Between two looks whether the run was cancelled.
_LOOK_SECONDS = 0.1


class ProberDied(Exception):
    """The prober's process ended or does not answer, a result of one trial.

    It is dead then; the next `arm` starts another.
    """


class PortInUse(Exception):
    """Something listens already where the app is to be: it would answer in its place."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(f"something accepts connections at {address}:{port} already")
        self.address = address
        self.port = port


class Prober:
    """Use: `arm`, `go`, then `poll` until it has a result, or `cancel`."""

    def __init__(self, cpus: str = "", cancelled: Cancellation | None = None) -> None:
        """Start the process, pinned to a cpuset list unless that is empty.

        `arm` and `go` raise Cancelled when the run is. ValueError when this host has
        none of these CPUs.
        """
        self._cancelled = cancelled or Cancellation()
        self._cpus = parse_cpus(cpus)
        self._state: Literal["idle", "armed", "going"] = "idle"
        self._address = ""
        self._process, self._connection = self._start()

    @property
    def pid(self) -> int:
        """Of the prober's process."""
        return self._process.pid

    def arm(
        self,
        address: str,
        port: int,
        ready: HttpCheck,
        first_data: HttpCheck | None,
        timeout_seconds: float,
        pid: int,
        cgroup: Cgroup | None,
        tls: bool = False,
        tls_verified: bool = False,
        namespace: NetworkNamespace | None = None,
        before: Sequence[HttpCheck] = (),
    ) -> None:
        """Prepare for an app that does not run yet; PortInUse when somebody answers there.

        `pid` is the app's first process, waiting in the gate; 0 when not known. The
        prober asks from within `namespace`, if there is one. `before`: what must have been
        answered correctly before `ready` is asked.
        """
        self.cancel()
        if self._process.poll() is not None:
            self.close()
            self._process, self._connection = self._start()
        task = ProbeTask(
            address,
            port,
            ready,
            first_data,
            timeout_seconds,
            pid,
            cgroup,
            tls,
            tls_verified,
            namespace.path if namespace else None,
            tuple(before),
        )
        self._address = address
        self._require_free(self._ask(task))
        self._state = "armed"

    def go(self) -> None:
        """Begin to connect; on return it does. The time of `timeout_seconds` runs from here.

        PortInUse when somebody answers there by now.
        """
        self._state = "idle"
        self._require_free(self._ask(Word.GO))
        self._state = "going"

    def poll(self, timeout_seconds: float) -> ProbeResult | None:
        """The result, waited for; None: not yet."""
        try:
            if not self._connection.poll(timeout_seconds):
                return None
            result = self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._died("the prober ended in the middle of a start") from error
        self._state = "idle"
        if not isinstance(result, ProbeResult):
            raise self._died(f"the prober said {result!r} instead of a result")
        return result

    def last_look(self) -> ProbeResult | None:
        """None: of an app that has ended nothing more can be asked."""
        return None

    def cancel(self) -> None:
        """End what it does; harmless when it does nothing."""
        state, self._state = self._state, "idle"
        if state == "idle":
            return
        try:
            self._connection.send(Word.CANCEL)
            if state == "armed":
                return
            if self._connection.poll(_CANCEL_SECONDS):
                self._connection.recv()
                return
        except (EOFError, OSError):
            pass
        self._kill()

    def close(self) -> None:
        """End the process; idempotent."""
        self._connection.close()
        self._kill()

    def _require_free(self, answer: object) -> None:
        if isinstance(answer, Occupied):
            raise PortInUse(self._address, answer.port)

    def _ask(self, message: object) -> object:
        try:
            self._connection.send(message)
            deadline = Deadline(_ANSWER_SECONDS)
            while not self._connection.poll(min(_LOOK_SECONDS, deadline.left())):
                self._cancelled.raise_if_set()
                if deadline.passed():
                    raise self._died(f"the prober did not answer within {_ANSWER_SECONDS:g} s")
            return self._connection.recv()
        except (EOFError, OSError) as error:
            raise self._died("the prober's process ended") from error

    def _died(self, words: str) -> ProberDied:
        self._state = "idle"
        self._kill()
        return ProberDied(words)

    def _start(self) -> tuple["subprocess.Popen[bytes]", "Connection[object, object]"]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [sys.executable, "-m", "headstart.agent.probe.process", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                # Ctrl-C is for the agent, which ends this process in its own time.
                start_new_session=True,
            )
        connection: Connection[object, object] = Connection(ours.detach())
        if self._cpus:
            try:
                os.sched_setaffinity(process.pid, self._cpus)
            except OSError as error:
                connection.close()
                process.kill()
                process.wait()
                raise ValueError(f"this host has none of the CPUs {sorted(self._cpus)}") from error
        return process, connection

    def _kill(self) -> None:
        self._process.kill()
        self._process.wait()
