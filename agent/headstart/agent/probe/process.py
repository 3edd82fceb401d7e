"""The process that the prober works in: `python -m headstart.agent.probe.process FD`.

FD is its end of a pair of connected sockets; it ends when the other end is
closed, also in the middle of a probe.
"""

import gc
import os
import select
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from headstart.agent.linux.netns import NetworkNamespace, inside
from headstart.agent.probe.probe import Probe
from headstart.agent.probe.task import Occupied, ProbeTask, Word


def main(descriptor: int) -> None:
    """Serve one task after the other."""
    # Garbage is collected between probes only.
    gc.disable()
    shares_core = len(os.sched_getaffinity(0)) == 1 and os.cpu_count() == 1
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    connection: Connection[object, object] = Connection(descriptor)
    try:
        while True:
            task = connection.recv()
            # Anything else is a cancel that came after its probe had ended.
            if isinstance(task, ProbeTask):
                probe = Probe(task, lambda: bool(poller.poll(0)), shares_core)
                with closing(probe), _inside(task.namespace):
                    _serve(connection, probe)
                gc.collect()
    except (EOFError, ConnectionError):
        return


@contextmanager
def _inside(namespace: Path | None) -> Iterator[None]:
    """In the app's network for the whole task, so that no attempt pays for entering."""
    if namespace is None:
        yield
        return
    with closing(NetworkNamespace(namespace)) as found, inside(found):
        yield


def _serve(connection: "Connection[object, object]", probe: Probe) -> None:
    if port := probe.accepts():
        connection.send(Occupied(port))
        return
    probe.rehearse()
    connection.send(Word.ARMED)
    if connection.recv() is not Word.GO:
        return
    if port := probe.begin():
        connection.send(Occupied(port))
        return
    connection.send(Word.GOING)
    connection.send(probe.run())


if __name__ == "__main__":
    main(int(sys.argv[1]))
