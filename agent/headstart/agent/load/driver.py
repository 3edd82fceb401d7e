"""What a load driver is. Drivers stand in a table (`load/table.py`), by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from headstart.agent.linux.netns import NetworkNamespace
from headstart.v1.experiment_pb2 import Load
from headstart.v1.records_pb2 import Failure, FailureCode, LoadSummary, LoadWindows

_TAIL_CHARACTERS = 2000


@dataclass(frozen=True)
class LoadTask:
    """One load phase. `scratch` is a folder on tmpfs that the trial removes afterwards."""

    load: Load
    trial: int
    address: str
    port: int
    # A Linux cpuset list; empty: not pinned.
    cpus: str
    scratch: Path
    # False as soon as the server has ended; asked a few times a second.
    server_alive: Callable[[], bool]
    # True when the run was cancelled; asked a few times a second.
    cancelled: Callable[[], bool]
    # Called with the generator's pid once it runs, so that the sampler can watch it.
    on_started: Callable[[int], None] = lambda _pid: None
    # Called when the load is over, before the generator's words are read: of a long load
    # that takes seconds.
    on_ended: Callable[[], None] = lambda: None
    # From which the server is reached; None: the agent's own.
    namespace: NetworkNamespace | None = None
    # False: the app's answers have no reason phrase, as the prober has seen. Asked when the
    # load begins.
    has_reason_phrases: Callable[[], bool] = lambda: True


@dataclass
class LoadResult:
    """What came of it. `failure` set: the figures, if any, stop where it failed."""

    summary: LoadSummary
    # Every window of the phase, in order, without holes; a window without a
    # completed request is there with completed = 0.
    windows: list[LoadWindows] = field(default_factory=list)
    failure: Failure | None = None


class PreparedLoad(Protocol):
    """A load that can begin at once; it has to be closed, whether it ran or not."""

    def run(self) -> LoadResult:
        """Blocks until the phase is over, the server died or the run was cancelled.

        Returns within duration + 10 s whatever the server does; leaves no process behind.
        """

    def close(self) -> None:
        """End what waits; idempotent."""


class LoadDriver(Protocol):
    """`name` is what an experiment file says; the module of that name has one as `DRIVER`."""

    name: str

    def version(self) -> str | None:
        """None: not installed here."""

    def refuses(self, load: Load) -> str | None:
        """What it cannot do of a load, beyond `headstart.words.drivers`; None: nothing."""

    def prepare(self, task: LoadTask) -> PreparedLoad:
        """Do what takes time before the app starts, so that its warm-up is seen from its beginning.

        Called when the instance waits in its gate; the server is not asked anything yet.
        """


def failed(words: str, output: str = "") -> Failure:
    """What kept a driver from its load, and the last that it wrote."""
    return Failure(
        code=FailureCode.FAILURE_CODE_LOAD_DRIVER_FAILED,
        message=words,
        output_tail=output[-_TAIL_CHARACTERS:],
    )
