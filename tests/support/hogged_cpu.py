"""A CPU that is taken away from whatever runs on it, for a moment."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hogging(cpu: int) -> Iterator[subprocess.Popen[bytes]]:
    """A process that waits for a line, and then leaves its CPU to nobody for 80 ms."""
    hog = subprocess.Popen(
        [sys.executable, "-c", _HOG, str(cpu)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with hog:
        assert hog.stdout is not None
        try:
            # Started before the load, which would be over before an interpreter is on a bad day.
            assert hog.stdout.readline() == b"ready\n"
            yield hog
        finally:
            hog.kill()


# Nothing but the kernel's own threads runs on its CPU meanwhile.
_HOG = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
print("ready", flush=True)
sys.stdin.readline()
end = time.monotonic() + 0.08
while time.monotonic() < end: pass
"""
