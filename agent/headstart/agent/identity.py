"""By what an agent knows again what it started: labels of containers, a mark on processes.

The mark is derived from the path of the state folder, not kept in it: a folder
that was emptied while its containers still run must not make them strangers.
"""

import hashlib
from pathlib import Path

from headstart.agent.runtime import InstanceSpec

LABEL_STATE = "headstart.state"
LABEL_RUN = "headstart.run"
LABEL_ATTEMPT = "headstart.attempt"
LABEL_TRIAL = "headstart.trial"
# Begins the name of every container of an agent. An image may bear any label, and gives it to
# all containers that are made of it, whoever makes them.
NAME_PREFIX = "headstart-"
# In the environment of every process: STATE_ID/INSTANCE_NAME/.
MARK_VARIABLE = "HEADSTART_INSTANCE"


def state_id(state: Path) -> str:
    """12 hexadecimal digits that stand for a state folder on this host."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]


def instance_name(spec: InstanceSpec) -> str:
    """The name of a trial's container or process: `headstart-RUN-ATTEMPT-tTRIAL`.

    The whole run id: several agents may share an engine, and ids of a day begin alike.
    """
    return f"{NAME_PREFIX}{spec.run_id}-{spec.attempt}-t{spec.trial}"


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
