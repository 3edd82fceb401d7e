"""One start, stamp by stamp: what its stamps are called, and how one start went."""

from collections.abc import Iterable
from dataclasses import dataclass

from headstart.words.readiness import MOST_STEPS

FIRST_RESPONSE = "first_correct_response"
# What a worker has in its place.
LINE_OF_THE_LOG = "line of the log"


@dataclass(frozen=True)
class Stamp:
    """A moment of every start; `field` is that of the `Startup` record."""

    name: str
    title: str
    meaning: str

    @property
    def field(self) -> str:
        """Where a record has it."""
        return f"{self.name}_monotonic_ns"


# Of the steps before the one that makes it ready.
READY_STEPS = tuple(
    Stamp(
        f"ready_step_{number}",
        f"ready step {number}",
        f"first correct response of step {number} of `ready`, where another one follows it",
    )
    for number in range(1, MOST_STEPS)
)

# In the order in which they come about; exec has two, and the reports count from the one
# that `exec_stamp` names.
STAMPS = (
    Stamp("create", "making of the instance", "before the engine's create call or a fork"),
    Stamp("start_call", "start call", "before the engine's start call"),
    Stamp("engine_ready", "gate waits", "when the gate waits: the engine's work is over"),
    Stamp("gate_opened", "gate opened", "before the gate is told to let the app go"),
    Stamp("exec", "exec, by the gate", "by the gate, just before execve"),
    Stamp("exec_kernel", "exec, by the kernel", "by the proc connector, at the end of execve"),
    Stamp("last_refused", "last connect refused", "the last connect that was refused"),
    Stamp(
        "connected",
        "connected",
        "the first connect that succeeded: the app began to listen after the last one refused",
    ),
    Stamp("first_byte", "first byte", "first byte of any answer"),
    *READY_STEPS,
    Stamp(
        FIRST_RESPONSE,
        "first correct response",
        "first correct response, of several steps that of the last; of a batch program the exit"
        " of its trivial case, of a worker the line of its log",
    ),
    Stamp("first_data_response", "first response with data", "answer to `first_data`"),
    Stamp("exit_kernel", "exit, by the kernel", "a batch program's exit by the proc connector"),
)


@dataclass(frozen=True)
class Start:
    """The start of one trial; a stamp that was not seen is absent."""

    variant: str
    trial: int
    block: int
    # By the name of the stamp: seconds since exec, below 0 before it.
    stamps: dict[str, float]
    # Where exec was stamped: gate, proc_connector or degraded.
    exec_stamp: str
    connect_attempts: int = 0
    # Requests that were answered, but not correctly.
    incorrect_responses: int = 0
    quiet_wait_seconds: float = 0.0
    # Of all CPUs, as the quiet gate saw it, 0 to 1; None: not measured.
    idle_share: float | None = None
    # Runnable but not running, from exec to the first correct response.
    server_run_delay_seconds: float = 0.0
    prober_run_delay_seconds: float = 0.0
    cpu_seconds: float = 0.0
    cpu_resolution_seconds: float = 0.0
    # Whether reports use its wall-clock times.
    valid: bool = True
    # Names of the steps before the one that makes it ready, such as "GET /healthz on port 8081".
    steps: tuple[str, ...] = ()
    # Of a worker: lines and bytes of its log up to the line that made it ready.
    log_lines: int = 0
    log_bytes: int = 0


def title_of(stamp: Stamp, starts: Iterable[Start]) -> str:
    """A stamp's title; a batch program, to which nobody connects, has an exit instead.

    A worker has a line of its log. The steps of readiness are the same in all starts.
    """
    if stamp in READY_STEPS:
        steps = next((start.steps for start in starts if start.steps), ())
        number = READY_STEPS.index(stamp)
        return f"{stamp.title}: {steps[number]}" if number < len(steps) else stamp.title
    if stamp.name == FIRST_RESPONSE and any(start.log_lines for start in starts):
        return LINE_OF_THE_LOG
    if stamp.name == FIRST_RESPONSE and not any(start.connect_attempts for start in starts):
        return "exit of the trivial case"
    return stamp.title
