"""Network namespaces: a container's own is kept open for its trial, and entered to ask the app.

A socket belongs to the namespace of the thread that makes it, and a process to that of the
thread that starts it, for as long as they live. So it is enough to be inside for that
moment; the thread goes back at once, and other threads never leave the host's network.
"""

import ctypes
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_OWN = Path("/proc/thread-self/ns/net")
_libc = ctypes.CDLL(None, use_errno=True)


class NetworkNamespace:
    """An open descriptor of a namespace, which lives as long as this; `close` it."""

    def __init__(self, path: Path) -> None:
        """OSError when there is no such file, or it is not ours to open."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    @classmethod
    def of_process(cls, pid: int) -> "NetworkNamespace":
        """That of a process now; OSError when it has ended, or is not ours to look at."""
        return cls(Path(f"/proc/{pid}/ns/net"))

    @property
    def path(self) -> Path:
        """By which another process of this host can open it while this one keeps it open."""
        return Path(f"/proc/{os.getpid()}/fd/{self._descriptor}")

    def is_current(self) -> bool:
        """Whether this thread is in it already."""
        one, other = os.fstat(self._descriptor), _OWN.stat()
        return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)

    def close(self) -> None:
        """Idempotent; afterwards it cannot be entered."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def enter(self) -> None:
        """Move this thread into it. OSError when that is not permitted."""
        # os.setns is there from Python 3.12 on.
        if _libc.setns(self._descriptor, _CLONE_NEWNET):
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))


@contextmanager
def inside(namespace: NetworkNamespace | None) -> Iterator[None]:
    """This thread is in the namespace until the end; None: it stays where it is.

    Start no thread meanwhile, since it would stay inside.
    """
    if namespace is None:
        yield
        return
    with closing(NetworkNamespace(_OWN)) as own:
        namespace.enter()
        try:
            yield
        finally:
            own.enter()


def why_not_enter() -> str | None:
    """Why this process may not enter network namespaces, as a sentence; None: it may."""
    try:
        with closing(NetworkNamespace(_OWN)) as own:
            # The kernel asks for the same capability as for another's.
            own.enter()
    except OSError as error:
        return (
            "this agent may not enter the network namespace of a container, which takes root or"
            f" the capability CAP_SYS_ADMIN ({error.strerror})"
        )
    return None
