"""What the agent and the prober's process say to each other."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Literal

from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.probe.readings import Spent
from headstart.v1.experiment_pb2 import HttpCheck


class Word(Enum):
    """The messages beside task and result."""

    ARMED = "armed"
    GO = "go"
    GOING = "going"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Occupied:
    """In place of armed or going: somebody listens at this port already."""

    port: int


@dataclass(frozen=True)
class ProbeTask:
    """What to ask whom, and whose CPU time to read. `pid` 0: not known."""

    address: str
    # Of checks that name none of their own; `tls` and `tls_verified` are this port's.
    port: int
    ready: HttpCheck
    first_data: HttpCheck | None
    timeout_seconds: float
    pid: int
    cgroup: Cgroup | None
    tls: bool = False
    tls_verified: bool = False
    # Namespace from which the app is reached; None: the prober's own, the host's.
    namespace: Path | None = None
    # Each must be answered correctly, in this order, before `ready` is asked.
    before: tuple[HttpCheck, ...] = ()

    def port_of(self, check: HttpCheck) -> int:
        """Where a check is asked."""
        return check.port or self.port

    @property
    def ports(self) -> tuple[int, ...]:
        """All that are asked at, each once."""
        checks = (*self.before, self.ready, *([self.first_data] if self.first_data else []))
        return tuple(dict.fromkeys(map(self.port_of, checks)))


@dataclass
class ProbeResult:
    """Times are CLOCK_MONOTONIC in ns, 0: not seen.

    Connects, first byte and `last_refused_ns` are those of the first step.
    """

    outcome: Literal["ok", "timeout", "cancelled"] = "cancelled"
    # When each step before the last was first answered correctly.
    steps_ns: list[int] = field(default_factory=list)
    connected_ns: int = 0
    # When the last refused attempt before the first that succeeded began.
    last_refused_ns: int = 0
    connect_attempts: int = 0
    first_byte_ns: int = 0
    first_correct_response_ns: int = 0
    first_data_response_ns: int = 0
    incorrect_responses: int = 0
    # How much later than the truth `first_correct_response_ns` can be: from the last
    # refused connect to the first successful one, from there until the request was
    # sent, and from the last look that found nothing to the stamp; the sum over its steps.
    error_ns: int = 0
    # The pause before the question that was answered correctly, the sum over the steps; 0
    # where each was answered correctly at once.
    retry_pause_ns: int = 0
    # The request that was answered was sent so long after the first that was not, which
    # waits to this moment; or the other way round: another was sent while it was answered.
    unanswered_ns: int = 0
    asked_meanwhile: bool = False
    # Of the last answer at the task's own port.
    has_reason_phrase: bool = True
    # From `begin` to the first correct response; the probe's own run delay too.
    spent: Spent | None = None
    prober_run_delay_ns: int = 0
    # Of the goal that was asked last: the last thing that came instead of a correct response,
    # or kept it from coming; whether anybody listened there, and answers that were not correct.
    wrong: str = ""
    listened: bool = False
    incorrect_there: int = 0
    # Of a log: its lines and bytes up to the line that was looked for, and the most that had
    # been written without having been read.
    log_lines: int = 0
    log_bytes: int = 0
    log_backlog_bytes: int = 0
