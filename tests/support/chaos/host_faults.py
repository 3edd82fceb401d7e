"""What happens to a host, to the agent on it, and to the way between it and the collector."""

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

from headstart.agent.agent import remove_left
from support.chaos.hosts import Host, copy
from support.small_disk import fill, free

_MIB = 1 << 20
# The collector gives up a stream that is silent for 1.5 s, and a lease after 8 s.
_SHORT, _LONG = (0.3, 2.5), (8.0, 12.0)
_CLOCK_STEPS = (-3600, -45, -5, 5, 20, 45, 3600)


class HostFaults:
    """Of one host, one at a time; `folder` is where its images lie."""

    def __init__(self, host: Host, folder: Path, rng: random.Random) -> None:
        self._host = host
        self._folder = folder
        self._random = rng

    def all(self) -> "list[Callable[[], None]]":
        """What may happen; what is there twice does more often."""
        found = [
            self.kill_agent,
            self.terminate_agent,
            self.freeze_agent,
            self.cut_link,
            self.stall_link,
            self.one_way_link,
            self.reset_to_snapshot,
            self.reset_to_snapshot,
            self.clone,
            self.twin,
            self.fill_agent_disk,
        ]
        if self._host.clock.can_be_set:
            found.append(self.step_agent_clock)
        return found

    def tend(self) -> None:
        """Before the next one: the host as its operator would have it."""
        self._host.tend()

    def heal(self) -> None:
        """End whatever goes on."""
        self._host.link.mend()
        self._host.clock.set(0)
        free(self._host.disk)
        self._host.end_copies()
        self._host.send(signal.SIGCONT)

    def kill_agent(self) -> None:
        self._host.end()

    def terminate_agent(self) -> None:
        self._host.end(signal.SIGTERM)

    def freeze_agent(self) -> None:
        self._host.send(signal.SIGSTOP)
        self._pass_short_or_long()
        self._host.send(signal.SIGCONT)

    def cut_link(self) -> None:
        self._host.link.cut()
        self._pass_short_or_long()
        self._host.link.mend()

    def stall_link(self) -> None:
        self._host.link.hold()
        self._pass_short_or_long()
        self._host.link.mend()

    def one_way_link(self) -> None:
        there = self._random.random() < 0.5
        self._host.link.hold(there=there, back=not there)
        self._pass_short_or_long()
        self._host.link.mend()

    def reset_to_snapshot(self) -> None:
        """The machine goes on for a while and then back to what it was."""
        image = self._folder / f"{self._host.name}-image"
        self._host.snapshot(image)
        self._pass(2.0, 6.0)
        self._host.end()
        shutil.rmtree(self._host.state)
        copy(image, self._host.state)

    def clone(self) -> None:
        """A copy of the machine lives beside it and then alone, or the other way round."""
        image = self._host.disk / "clone"
        if shutil.disk_usage(self._host.disk).free < 80 * _MIB:
            return
        self._host.snapshot(image)
        self._live_beside(image)

    def twin(self) -> None:
        """Another machine gets the same name, attends for a while, and is gone for good."""
        state = self._host.disk / "twin"
        self._host.end()
        self._host.enroll(state)
        self._host.start()
        self._live_beside(state)

    def _live_beside(self, state: Path) -> None:
        self._host.copies.append(self._host.agent(state))
        self._pass(1.0, 3.0)
        if self._random.random() < 0.5:
            self._host.end()
            self._pass(1.0, 4.0)
        self._host.end_copies()
        # A machine that is gone takes along what it measured.
        remove_left(state)
        shutil.rmtree(state)

    def fill_agent_disk(self) -> None:
        fill(self._host.disk, leave_bytes=self._random.choice((0, 0, 30 * _MIB)))
        self._pass(1.0, 4.0)
        free(self._host.disk)

    def step_agent_clock(self) -> None:
        """There and back: forward and backward, whichever comes first."""
        self._host.clock.set(self._random.choice(_CLOCK_STEPS))
        self._pass(1.0, 6.0)
        if self._random.random() < 0.3:
            self._host.end()
            self._host.start()
            self._pass(1.0, 3.0)
        self._host.clock.set(0)

    def _pass_short_or_long(self) -> None:
        self._pass(*(_SHORT if self._random.random() < 0.7 else _LONG))

    def _pass(self, least: float, most: float) -> None:
        time.sleep(self._random.uniform(least, most))
