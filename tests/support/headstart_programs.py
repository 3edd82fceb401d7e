"""`headstart` commands in the background: collectors and agents as programs of their own."""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from support.running import HEADSTART


@dataclass
class Program:
    """A command in the background; what it says is read as it comes."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as said:
            for line in said:
                self._lines.put(line)
        self._lines.put(None)

    def wait(self) -> None:
        """Wait for its end, and the end of what it says."""
        self.process.wait(timeout=60)
        self._reader.join(timeout=60)

    def line(self, pattern: str, within: float = 60.0) -> re.Match[str]:
        """The first line that matches; AssertionError when none does in `within` seconds."""
        until = time.monotonic() + within
        while True:
            try:
                line = self._lines.get(timeout=max(until - time.monotonic(), 0.0))
            except queue.Empty:
                line = None
            if line is None:
                raise AssertionError(f"nothing like {pattern} in {self.said}")
            self.said.append(line)
            if found := re.search(pattern, line):
                return found

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.ended()

    def ended(self) -> tuple[int, str]:
        """Wait for its end: its exit code, and all that it said."""
        self.wait()
        status, self.process.returncode = self.process.returncode, 0
        while (line := self._lines.get()) is not None:
            self.said.append(line)
        return status, "".join(self.said)


@contextmanager
def program(
    *arguments: str | Path, env: Mapping[str, str] | None = None, within: Sequence[str] = ()
) -> Iterator[Program]:
    """Start `headstart ...`, as an argument of the words `within`; ended by SIGTERM."""
    process = subprocess.Popen(
        [*within, HEADSTART, *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | dict(env or {}),
    )
    running = Program(process)
    try:
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        running.wait()
    assert process.returncode == 0
