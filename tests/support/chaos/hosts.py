"""A host that measures: its disk, its clock, its link, and the agents on it or on copies of it."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from headstart.agent.uplink.enrolled import FOLDER_NAME, enrolled_in
from headstart.words.foreign.certificates import CertificateProblem
from support.chaos.clocks import Clock
from support.chaos.links import Links
from support.chaos.operators import Operator
from support.running import HEADSTART

Process = subprocess.Popen[bytes]


@dataclass
class Host:
    """`done` counts what its operator did, and what it did by itself."""

    name: str
    disk: Path
    policy: Path
    app_port: int
    log: Path
    clock: Clock
    link: Links
    operator: Operator
    done: Counter[str]
    process: "Process | None" = None
    copies: "list[Process]" = field(default_factory=list)

    @property
    def state(self) -> Path:
        return self.disk / "state"

    def enroll(self, state: Path | None = None) -> None:
        """By a token for its name, as a host that is new or was too long away. TimeoutError."""
        self.operator.enroll("agent", self.name, state or self.state, self.log)

    def tend(self) -> None:
        """What its unit and its operator do: start it where it ended, let it in again."""
        if self.process is not None and self.process.poll() is not None:
            code = self.process.returncode
            self.done[f"agent ended by itself with {code}"] += 1
            last = self.log.read_text(errors="replace").splitlines()[-3:]
            print(f"{self.name} ended by itself with {code}: {' / '.join(last)}", flush=True)
        try:
            enrolled = enrolled_in(self.state / FOLDER_NAME)
            is_over = enrolled is None or enrolled.holds.ends < time.time()
        except CertificateProblem:
            is_over = True
        if is_over:
            # Nobody is let in under the name of an agent that is connected.
            self.end(signal.SIGTERM)
            self.enroll()
            self.done["enrolled anew"] += 1
        self.start()

    def start(self) -> None:
        """Start the agent unless it lives."""
        if self.process is None or self.process.poll() is not None:
            self.process = self.agent(self.state)

    def agent(self, state: Path) -> "Process":
        """Another agent of this host, with its state elsewhere."""
        found = [f"--collector=127.0.0.1:{port}" for port in self.link.ports]
        way = (*found, f"--identity={state}")
        place = ("--policy", self.policy, "--state", state, "--label", f"host={self.name}")
        # The others measure on the same machine.
        busy = ("--if-busy", "go-on")
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [HEADSTART, "agent", *way, *place, *busy],
                stderr=log,
                env=os.environ | self.clock.env,
            )

    def end(self, number: int = signal.SIGKILL) -> None:
        """End the agent and wait for it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def send(self, number: int) -> None:
        """Send the agent a signal."""
        if self.process is not None:
            self.process.send_signal(number)

    def end_copies(self) -> None:
        """End the agents that `agent` started."""
        for copy in self.copies:
            copy.kill()
            copy.wait()
        self.copies.clear()

    def snapshot(self, to: Path) -> None:
        """The state as it is at one moment, as a hypervisor takes it."""
        shutil.rmtree(to, ignore_errors=True)
        self.send(signal.SIGSTOP)
        copy(self.state, to)
        self.send(signal.SIGCONT)


def copy(folder: Path, to: Path) -> None:
    """All that is in a folder, with its named pipes, unlike shutil."""
    subprocess.run(["cp", "-a", str(folder), str(to)], check=True)
