"""Files below a folder that somebody else fills, such as an app's root in /proc/PID/root.

A path there may be a FIFO that nobody writes to, a device, a link to /etc/shadow or to
/proc/kmsg, a file that grows. So nothing is opened for reading before it was looked at:
a first descriptor (O_PATH) only names it, which has no effect on it, and what was named is
what is opened. Links are followed as the app would follow them, within its root only
(openat2 with RESOLVE_IN_ROOT, from Linux 5.6 on).
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

# The same number on every architecture since 5.6 (but alpha, which has no agents).
_OPENAT2 = 437
_NO_MAGIC_LINKS, _IN_ROOT = 0x02, 0x10
# A rename elsewhere may disturb a lookup within a root: openat2(2), EAGAIN.
_ATTEMPTS = 8
# Where reading has effects, or an end is not to be expected: linux/magic.h.
_PSEUDO = {
    0x9FA0: "proc",
    0x62656572: "sysfs",
    0x27E0EB: "cgroup",
    0x63677270: "cgroup2",
    0x64626720: "debugfs",
    0x74726163: "tracefs",
    0x73636673: "securityfs",
    0xCAFE4A11: "bpf",
    0x1CD1: "devpts",
}
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFREG: "a file",
}


class Refused(OSError):
    """It is there, and not what it may be; the words say what it is, as a sentence's end."""


class _OpenHow(ctypes.Structure):
    """struct open_how, linux/openat2.h."""

    _fields_ = (
        ("flags", ctypes.c_uint64),
        ("mode", ctypes.c_uint64),
        ("resolve", ctypes.c_uint64),
    )


_libc = ctypes.CDLL(None, use_errno=True)


class Root:
    """A folder that is the root of every path below. OSError when it cannot be had."""

    def __init__(self, folder: Path) -> None:
        flags = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
        self._descriptor = os.open(folder, flags)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    def read(self, path: str, maximum_bytes: int) -> bytes:
        """All of a regular file. OSError: not there, none, or longer than this."""
        with self._named(path, stat.S_IFREG) as named, _opened(named) as file:
            return _all_of(file, maximum_bytes)

    def names(self, path: str, maximum: int) -> list[str]:
        """What is in a folder, in no order. OSError: none, or more than this."""
        with self._named(path, stat.S_IFDIR) as named:
            found: list[str] = []
            with os.scandir(f"/proc/self/fd/{named}") as entries:
                for entry in entries:
                    if len(found) == maximum:
                        raise Refused(f"a folder of more than {maximum} files")
                    found.append(entry.name)
            return found

    @contextmanager
    def socket(self, path: str) -> Iterator[str]:
        """A path to connect to a socket by, however deep the socket lies, as long as it is held."""
        with self._named(path, stat.S_IFSOCK) as named:
            yield f"/proc/self/fd/{named}"

    @contextmanager
    def _named(self, path: str, kind: int) -> Iterator[int]:
        descriptor = _open_in_root(self._descriptor, path)
        try:
            _require(descriptor, kind)
            yield descriptor
        finally:
            os.close(descriptor)


def open_file(path: str | Path) -> BinaryIO:
    """A regular file of this host, links followed; reading it never waits for a writer.

    OSError when it is not there or something else. Its length is not bounded.
    """
    named = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        _require(named, stat.S_IFREG)
        return _opened(named)
    except Refused as error:
        raise Refused(errno.EINVAL, str(error), str(path)) from error
    finally:
        os.close(named)


def _open_in_root(root: int, path: str) -> int:
    how = _OpenHow(os.O_PATH | os.O_CLOEXEC, 0, _IN_ROOT | _NO_MAGIC_LINKS)
    name = os.fsencode(path)
    if b"\0" in name:
        raise Refused("a name with a zero byte")
    for _ in range(_ATTEMPTS):
        descriptor = _libc.syscall(
            ctypes.c_long(_OPENAT2),
            ctypes.c_int(root),
            ctypes.c_char_p(name),
            ctypes.byref(how),
            ctypes.c_size_t(ctypes.sizeof(how)),
        )
        if descriptor >= 0:
            return int(descriptor)
        error = ctypes.get_errno()
        if error in (errno.ENOSYS, errno.EPERM):
            # EPERM: a seccomp profile that does not know the call yet.
            raise Refused("not opened: this kernel has no openat2 (Linux 5.6 has)")
        if error != errno.EAGAIN:
            break
    raise OSError(error, os.strerror(error), path)


def _require(descriptor: int, kind: int) -> None:
    found = stat.S_IFMT(os.fstat(descriptor).st_mode)
    if found != kind:
        raise Refused(f"{_KINDS.get(found, 'of an unknown kind')} instead of {_KINDS[kind]}")
    if (system := _PSEUDO.get(_file_system(descriptor))) is not None:
        raise Refused(f"{_KINDS[kind]} of the kernel ({system})")


def _file_system(descriptor: int) -> int:
    """f_type of fstatfs(2), its first word; 0 when it is not told."""
    told = (ctypes.c_long * 32)()
    return int(told[0]) & 0xFFFFFFFF if _libc.fstatfs(descriptor, told) == 0 else 0


def _opened(named: int) -> BinaryIO:
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(f"/proc/self/fd/{named}", flags), "rb")
    except BlockingIOError:
        # fcntl(2), F_SETLEASE: without O_NONBLOCK it is waited for the holder, 45 s long.
        raise Refused("a file that somebody holds a lease on") from None


def _all_of(file: BinaryIO, maximum_bytes: int) -> bytes:
    # None: nothing is there yet, as FUSE may say of a file.
    data = file.read(maximum_bytes + 1) or b""
    if len(data) > maximum_bytes:
        raise Refused(f"a file of more than {maximum_bytes} bytes")
    return data
