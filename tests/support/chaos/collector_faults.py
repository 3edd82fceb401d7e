"""What happens to the collector: its process, its disk, its clock, its store."""

import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from support.chaos.clocks import Clock
from support.collector_process import CollectorProcess
from support.running import HEADSTART
from support.small_disk import fill, free

_SHORT, _LONG = (0.3, 2.5), (8.0, 12.0)
_CLOCK_STEPS = (-3600, -45, -5, 5, 20, 45, 3600)
_COMMAND_SECONDS = 60.0


class OfCollectors(Protocol):
    """What may happen to whoever takes the runs, be it one or two."""

    set_back: "list[SetBack]"

    def all(self) -> "Sequence[Callable[[], None]]": ...
    def tend(self) -> None: ...
    def heal(self) -> None: ...


@dataclass(frozen=True)
class SetBack:
    """A time that the store knows nothing of; Unix seconds."""

    backup_seconds: float
    restored_seconds: float


class CollectorFaults:
    """One at a time. `set_back` are the restored backups."""

    def __init__(
        self,
        collector: CollectorProcess,
        disk: Path,
        clock: Clock,
        folder: Path,
        rng: random.Random,
    ) -> None:
        self._collector = collector
        self._disk = disk
        self._data = disk / "store"
        self._clock = clock
        self._backup = folder / "backup"
        self._backup_seconds = 0.0
        self._log = folder / "collector.log"
        self._random = rng
        self.set_back: list[SetBack] = []

    def all(self) -> "list[Callable[[], None]]":
        """What may happen; what is there twice does more often."""
        found = [
            self.kill_collector,
            self.kill_collector,
            self.terminate_collector,
            self.freeze_collector,
            self.fill_collector_disk,
            self.make_backup,
            self.restore_backup,
        ]
        if self._clock.can_be_set:
            found.append(self.step_collector_clock)
        return found

    def tend(self) -> None:
        """Before the next one. It does not end by itself."""
        assert self._collector.process.poll() is None, f"it ended by itself: see {self._log}"

    def heal(self) -> None:
        """End whatever goes on."""
        self._clock.set(0)
        free(self._disk)
        self._collector.process.send_signal(signal.SIGCONT)

    def kill_collector(self) -> None:
        self._collector.restart()

    def terminate_collector(self) -> None:
        self._collector.restart(signal.SIGTERM)

    def freeze_collector(self) -> None:
        self._collector.process.send_signal(signal.SIGSTOP)
        self._pass(*(_SHORT if self._random.random() < 0.7 else _LONG))
        self._collector.process.send_signal(signal.SIGCONT)

    def fill_collector_disk(self) -> None:
        fill(self._disk)
        self._pass(1.0, 3.0)
        free(self._disk)

    def step_collector_clock(self) -> None:
        """There and back: forward and backward, whichever comes first."""
        self._clock.set(self._random.choice(_CLOCK_STEPS))
        self._pass(1.0, 6.0)
        if self._random.random() < 0.3:
            self._collector.restart()
            self._pass(1.0, 3.0)
        self._clock.set(0)

    def make_backup(self) -> None:
        """While it goes on."""
        shutil.rmtree(self._backup, ignore_errors=True)
        self._backup_seconds = time.time()
        self._headstart("backup", self._backup, "--data", self._data)

    def restore_backup(self) -> None:
        """The machine is lost, and its collector is made again of the last backup."""
        if not self._backup.exists():
            self.make_backup()
            self._pass(1.0, 6.0)
        self._collector.kill()
        shutil.rmtree(self._data)
        self._headstart("restore", self._backup, "--data", self._data)
        self.set_back.append(SetBack(self._backup_seconds, time.time()))
        self._collector.start()

    def _headstart(self, *arguments: str | Path) -> None:
        with self._log.open("ab") as log:
            subprocess.run(
                [HEADSTART, *arguments],
                stdout=log,
                stderr=log,
                timeout=_COMMAND_SECONDS,
                check=True,
            )

    def _pass(self, least: float, most: float) -> None:
        time.sleep(self._random.uniform(least, most))
