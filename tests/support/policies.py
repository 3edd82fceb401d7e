"""Policies of tests and benchmarks."""

import psutil

from headstart.agent.policy.policy import Policy
from headstart.words.networks import NETWORKS


def everything_allowed() -> Policy:
    """Anything may run: the programs are the tests' own."""
    return Policy(
        images=("*",),
        commands=True,
        builds=True,
        memory_limit_bytes=psutil.virtual_memory().total,
        disk_limit_bytes=1 << 60,
        networks=tuple(NETWORKS),
    )
