"""The small files of /proc and /sys, which may be absent or closed to us, and CPU lists."""

import os
from pathlib import Path


def read_text(path: Path) -> str:
    """Its text without blanks around it; empty when it cannot be read."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def chosen(text: str) -> str:
    """The choice in brackets of a file such as `always [madvise] never`."""
    before, bracket, after = text.partition("[")
    return after.partition("]")[0] if bracket else before


# More than any host has; a list of all the numbers that fit into a line would fill its memory.
_MOST_CPUS = 10_000


def parse_cpus(text: str) -> frozenset[int]:
    """The CPUs of a list; empty text: none named. ValueError when it is no such list."""
    cpus: set[int] = set()
    parts = text.split(",") if text.strip() else []
    if len(parts) > _MOST_CPUS:
        raise ValueError(f"a list of more than {_MOST_CPUS} CPUs")
    for part in parts:
        first, dash, last = part.partition("-")
        begin, end = int(first), int(last if dash else first)
        if end >= _MOST_CPUS:
            raise ValueError(f"no host has CPU {end}")
        cpus.update(range(begin, end + 1))
    return frozenset(cpus)


def online_cpus(file: Path = Path("/sys/devices/system/cpu/online")) -> frozenset[int]:
    """The CPUs of this host; those of this process where the kernel does not list them."""
    return parse_cpus(read_text(file)) or frozenset(os.sched_getaffinity(0))


_DROP = Path("/proc/sys/vm/drop_caches")


def drop_page_cache() -> str | None:
    """Drop clean page cache, dentries and inodes of the host; why not, where it cannot.

    Dirty pages are written first: only clean ones can be dropped (kernel
    documentation, admin-guide/sysctl/vm.rst).
    """
    os.sync()
    try:
        _DROP.write_text("3")
    except OSError as error:
        return f"the page cache stays warm: {_DROP}: {error.strerror}"
    return None


def may_drop_page_cache(control: Path = _DROP) -> bool:
    """Whether `drop_page_cache` will do so here."""
    return os.access(control, os.W_OK)
