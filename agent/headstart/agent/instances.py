"""What an instance is given, how it is recognised, and how it ends or fails to start.

An agent recognises what it started by the labels of containers and a mark on processes.
The mark is derived from the path of the state folder, not kept in it: a folder
that was emptied while its containers still run must not make them strangers.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headstart.v1.experiment_pb2 import Companion, Plan
from headstart.v1.records_pb2 import FailureCode, ResolvedVariant

LOOPBACK = "127.0.0.1"
LABEL_STATE = "headstart.state"
LABEL_RUN = "headstart.run"
LABEL_ATTEMPT = "headstart.attempt"
LABEL_TRIAL = "headstart.trial"
# Begins the name of every container of an agent. An image may bear any label, and gives it to
# all containers that are made of it, whoever makes them.
NAME_PREFIX = "headstart-"
# In the environment of every process: STATE_ID/INSTANCE_NAME/.
MARK_VARIABLE = "HEADSTART_INSTANCE"


@dataclass(frozen=True)
class CompanionSpec:
    """What stands beside an app in every trial: as the experiment has it, and as it was found."""

    companion: Companion
    resolved: ResolvedVariant


@dataclass(frozen=True)
class InstanceSpec:
    """One trial's instance: what to start, where, within which limits."""

    run_id: str
    attempt: int
    trial: int
    variant: ResolvedVariant
    plan: Plan
    port: int
    # Of a batch program: what follows the variant's own arguments; its stdout is kept apart.
    batch: bool = False
    arguments: Sequence[str] = ()
    # Where else it listens, with the key of the experiment file that says so.
    own_ports: Mapping[int, str] = field(default_factory=dict)
    # Where the app listens in a network that has a loopback.
    address: str = LOOPBACK
    # Started before it, and there until the next trial or the runtime's end.
    beside: Sequence[CompanionSpec] = ()


@dataclass(frozen=True)
class Surroundings:
    """Where an instance is, as an engine is asked for it: another container can be there too."""

    # "host" or "container:ID".
    network: str = "host"
    # Names that it resolves without a server.
    hosts: Mapping[str, str] = field(default_factory=dict)


class RuntimeFault(Exception):
    """An instance could not be made or did not start; a result, not a bug.

    `output_tail` holds the last lines that the application wrote, if any.
    """

    def __init__(self, code: FailureCode.ValueType, message: str, output_tail: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.output_tail = output_tail


def was_cancelled() -> RuntimeFault:
    """The fault of what was not done, since the run was cancelled."""
    return RuntimeFault(FailureCode.FAILURE_CODE_CANCELLED, "the run was cancelled")


@dataclass(frozen=True)
class ExitFacts:
    """How an instance ended."""

    status: int
    oom_killed: bool = False
    # Why the agent killed it for what it wrote to disk, as a sentence's end; else empty.
    disk: str = ""

    def limit(self) -> tuple[FailureCode.ValueType, str] | None:
        """At which limit of its own it was killed, and in words; None: it was not."""
        if self.disk:
            return FailureCode.FAILURE_CODE_OUT_OF_DISK, self.disk
        if self.oom_killed:
            return FailureCode.FAILURE_CODE_OUT_OF_MEMORY, "out of memory within its limit"
        return None


def state_id(state: Path) -> str:
    """12 hexadecimal digits that stand for a state folder on this host."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]


def instance_name(spec: InstanceSpec) -> str:
    """The name of a trial's container or process: `headstart-RUN-ATTEMPT-tTRIAL`.

    The whole run id: several agents may share an engine, and ids of a day begin alike.
    """
    return f"{NAME_PREFIX}{spec.run_id}-{spec.attempt}-t{spec.trial}"


def check_name(run_id: str, attempt: int, trial: int, check: int) -> str:
    """The name of a check's container: `headstart-RUN-ATTEMPT-tTRIAL-check-NUMBER`."""
    return f"{NAME_PREFIX}{run_id}-{attempt}-t{trial}-check-{check}"


def labels(identity: str, spec: InstanceSpec) -> dict[str, str]:
    """The labels of a trial's container."""
    return {
        LABEL_STATE: identity,
        LABEL_RUN: spec.run_id,
        LABEL_ATTEMPT: str(spec.attempt),
        LABEL_TRIAL: str(spec.trial),
    }


def mark(identity: str, name: str) -> str:
    """The value of `MARK_VARIABLE` in the processes of an instance."""
    return f"{identity}/{name}/"


def mark_entry(identity: str, name: str | None = None) -> str:
    """The beginning of the environment entry, of one instance or (None) of all."""
    value = f"{identity}/" if name is None else mark(identity, name)
    return f"{MARK_VARIABLE}={value}"
