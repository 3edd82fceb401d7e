"""How gRPC waits for connections in a collector: said before gRPC is imported."""

import os
from importlib.metadata import version

_VARIABLE = "GRPC_EXPERIMENTS"
# Connections are read by the thread that gRPC's asyncio polls with, not by a pool that hands each
# message from thread to thread: docs/adr/0128-one-thread-reads-all-agents.md.
_ONE_THREAD_READS = "-event_engine_listener"
# The releases whose name for it this is, and that were measured; a later one has its own default.
_MEASURED = ((1, 85), (1, 85))


def read_by_one_thread() -> None:
    """Nothing where somebody set the variable, or gRPC is of a release that was not measured."""
    major, minor = version("grpcio").split(".")[:2]
    oldest, newest = _MEASURED
    if oldest <= (int(major), int(minor)) <= newest:
        os.environ.setdefault(_VARIABLE, _ONE_THREAD_READS)
