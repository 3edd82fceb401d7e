"""An agent's part in small: makes instances, says so, waits. For tests that kill it.

Arguments: docker|process|process without groups, state folder, then for each instance its argument
vector with blanks between; of a container the first word is the image. The
first instance stays in its gate, the others are opened. Or docker-beside, state folder, image:
one that has a companion.
"""

import sys
import time
from pathlib import Path

from headstart.agent.instances import CompanionSpec, InstanceSpec, state_id
from headstart.agent.runtimes.docker_runtime import DockerRuntime
from headstart.agent.runtimes.process_cgroup import CgroupParent
from headstart.agent.runtimes.process_runtime import ProcessRuntime
from headstart.agent.runtimes.runtime import Runtime
from headstart.v1.experiment_pb2 import Command, Plan, Variant
from support.beside import database
from support.policies import everything_allowed


def with_a_companion(state: Path, image: str) -> None:
    """One instance, with a database beside it."""
    runtime = DockerRuntime.connect(state, everything_allowed())
    print("begun", flush=True)
    companion = database(image)
    beside = [CompanionSpec(companion, runtime.resolve(companion.container, "/"))]
    resolved = runtime.resolve(Variant(name="a", image=image, entrypoint=["app", "wait"]), "/")
    runtime.create(InstanceSpec(state_id(state), 1, 1, resolved, Plan(), 0, beside=beside))
    print("ready", flush=True)
    time.sleep(600)


def main(kind: str, state: str, *commands: str) -> None:
    runtime: Runtime
    if kind == "docker-beside":
        with_a_companion(Path(state), *commands)
    if kind == "docker":
        runtime = DockerRuntime.connect(Path(state), everything_allowed())
    else:
        if kind == "process without groups":
            CgroupParent.open = lambda _name: None  # type: ignore[method-assign, assignment, misc]  # as if not root
        runtime = ProcessRuntime(Path(state), everything_allowed())
    run = state_id(Path(state))
    instances = []
    print("begun", flush=True)
    try:
        for trial, words in enumerate(commands, 1):
            argv = words.split(" ")
            variant = (
                Variant(name=f"v{trial}", image=argv[0], entrypoint=argv[1:])
                if kind == "docker"
                else Variant(name=f"v{trial}", command=Command(argv=argv))
            )
            spec = InstanceSpec(run, 1, trial, runtime.resolve(variant, "/"), Plan(), 0)
            instances.append(runtime.create(spec))
            if trial > 1:
                instances[-1].open_gate()
        print("ready", *(instance.pid for instance in instances), flush=True)
        time.sleep(600)
    finally:
        for instance in instances:
            instance.stop()
        runtime.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
