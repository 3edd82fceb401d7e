"""Work that may hang in a system call, off the thread that must live.

No timeout reaches a read of a file system that a measured program serves (FUSE), nor one of
its memory (/proc/PID/environ, smaps) where it keeps the kernel from a page: only the
program's end does. So the thread that reads is left behind, and ends with the program.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from headstart.agent.cancellation import Apart
from headstart.agent.deadline import Deadline

_NAME = "untrusted"
# Left behind and still hanging: more than these are not added to.
_MAXIMUM_HANGING = 8
_LOOK_SECONDS = 0.1

T = TypeVar("T")


def within(
    deadline: Deadline, work: Callable[[], T], cancelled: Callable[[], bool] = lambda: False
) -> T:
    """What `work` returns or raises; TimeoutError when it does neither by then.

    Also TimeoutError when it was cancelled meanwhile, which is asked ten times a second.
    """
    if sum(thread.name == _NAME for thread in threading.enumerate()) >= _MAXIMUM_HANGING:
        raise TimeoutError(f"{_MAXIMUM_HANGING} readings hang already")
    task = Apart(work, _NAME)
    while not task.over.wait(min(_LOOK_SECONDS, deadline.left())):
        if cancelled():
            raise TimeoutError("cancelled")
        if deadline.passed():
            raise TimeoutError(f"not over within {deadline.seconds:g} s")
    return task.result()
