"""What the agent and the prober's process say to each other."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

from headstart.agent.linux.cgroup import Cgroup
from headstart.agent.probe.readings import Spent
from headstart.v1.experiment_pb2 import HttpCheck


class Word(Enum):
    """The messages beside task and result."""

    ARMED = "armed"
    OCCUPIED = "occupied"
    GO = "go"
    GOING = "going"
    CANCEL = "cancel"


@dataclass(frozen=True)
class ProbeTask:
    """What to ask whom, and whose CPU time to read. `pid` 0: not known."""

    address: str
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


@dataclass
class ProbeResult:
    """Times are CLOCK_MONOTONIC in ns, 0: not seen."""

    outcome: Literal["ok", "timeout", "cancelled"] = "cancelled"
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
    # sent, and from the last look that found nothing to the stamp.
    error_ns: int = 0
    # The pause before the question that was answered correctly; 0 when it was the first.
    retry_pause_ns: int = 0
    # The request that was answered was sent so long after the first that was not, which
    # waits to this moment; or the other way round: another was sent while it was answered.
    unanswered_ns: int = 0
    asked_meanwhile: bool = False
    # Of the first correct response.
    has_reason_phrase: bool = True
    # From `begin` to the first correct response; the probe's own run delay too.
    spent: Spent | None = None
    prober_run_delay_ns: int = 0
    # The last thing that came instead of a correct response, or kept it from coming.
    wrong: str = ""
