"""The runtimes, and what each of them runs.

A runtime is a line in `RUNTIMES` and the module NAME_runtime of the agent's `runtimes`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """One way to make an instance. `runs`: the keys of a variant that it takes."""

    name: str
    runs: tuple[str, ...]
    # Its instances have a network of their own and no capability of the host.
    confined: bool = True


# In the order in which they are preferred for a variant that several of them run.
RUNTIMES = {
    runtime.name: runtime
    for runtime in (
        Runtime("docker", runs=("image", "build")),
        Runtime("process", runs=("command",), confined=False),
    )
}


def runtimes_for(source: str) -> list[Runtime]:
    """Those that run a variant by this key."""
    return [runtime for runtime in RUNTIMES.values() if source in runtime.runs]
