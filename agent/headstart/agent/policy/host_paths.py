"""Paths of the host that a container may be lent, as the policy's `host_paths` names them.

    /srv/data         that folder or file, to be read
    /srv/models/*     each that lies in it, none below
    /srv/cache:rw     to be read and written to

Links are followed first: what counts is where a path leads, and that is what is bound.
"""

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headstart.words.container_needs import HOST_PATH_PATTERN
from headstart.words.foreign.secrets import fits_pattern

_WRITABLE = ":rw"
_PATTERN = re.compile(
    r"(?!/(?:proc|sys|dev)(?:/|:|$))(?:/(?!\.{1,2}(?:/|:|$))[^/\x00-\x1f\x7f:]+)+(?::rw)?"
)
# What the kernel shows of the host, and sockets through which whoever asks is root on it.
_NEVER = (
    *("/proc", "/sys", "/dev", "/run/docker.sock", "/run/docker", "/run/containerd"),
    *("/run/podman", "/run/crio"),
)


class NotAllowed(Exception):
    """The policy allows no such path, or nothing could; the message is a sentence's end."""


class NotThere(Exception):
    """The path cannot be lent as it is; the message is a sentence's end."""


@dataclass(frozen=True)
class LentPath:
    """A folder or file of the host that is bound into a container."""

    # As the variant says it; `source` is where that leads.
    stated: str
    source: Path
    target: str
    read_only: bool
    # Device and inode: what was allowed is what is to be bound.
    identity: tuple[int, int]


def is_pattern(text: str) -> bool:
    """Whether a policy may name paths so."""
    return _PATTERN.fullmatch(text) is not None


def pattern_of(host: str, writable: bool) -> str:
    """The pattern that fits where this path leads now, and nothing else."""
    with_links = os.path.realpath(host)
    return re.sub(r"([*?[])", r"[\1]", with_links) + (_WRITABLE if writable else "")


def lend(
    host: str, target: str, writable: bool, patterns: Sequence[str], protected: Iterable[Path]
) -> LentPath:
    """What is bound for a path that a variant states; NotAllowed, NotThere.

    `protected`: what is lent by no policy, beside what never is; neither is what lies in it, nor
    what it lies in. Whether a path exists is told only where the policy allows it.
    """
    does = "asks to write to" if writable else "asks for"
    refusal = NotAllowed(
        f"it {does} {host} of the host; the policy of this host allows"
        f" {', '.join(patterns) or 'none'} (host_paths)"
    )
    is_named = _fits(host, writable, patterns)
    try:
        source = os.path.realpath(host, strict=True)
        found = os.stat(source, follow_symlinks=False)  # noqa: PTH116  # a link may come meanwhile
    except OSError as error:
        if not is_named:
            raise refusal from None
        raise NotThere(f"{host} of the host cannot be lent: {error.strerror}") from None
    if not _fits(source, writable, patterns):
        if is_named:
            raise NotAllowed(f"{host} leads to {source}; {refusal}") from None
        raise refusal
    if (reason := _never(Path(source), found, protected)) is not None:
        raise NotAllowed(f"{host} of the host is lent to no container: {reason}")
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise NotThere(f"{host} of the host cannot be lent: it is no folder and no file")
    return LentPath(host, Path(source), target, not writable, (found.st_dev, found.st_ino))


def _fits(path: str, writable: bool, patterns: Sequence[str]) -> bool:
    # A link may lead to what no pattern can name.
    if re.fullmatch(HOST_PATH_PATTERN, path) is None:
        return False
    return any(
        fits_pattern(pattern.removesuffix(_WRITABLE), path)
        for pattern in patterns
        if not writable or pattern.endswith(_WRITABLE)
    )


def _never(source: Path, found: os.stat_result, protected: Iterable[Path]) -> str | None:
    """Why no policy can allow it. By inode too: the host may have bound `/` somewhere else."""
    above = [os.stat(each) for each in (source, *source.parents)]  # noqa: PTH116  # as `found`
    for stated in (*map(Path, _NEVER), *protected):
        path = Path(os.path.realpath(stated))
        if path == source or path in source.parents:
            return f"it is {path}, or lies in it"
        if source in path.parents:
            return f"{path} lies in it"
        for outer in (path, *path.parents):
            if (known := _stat(outer)) is None:
                continue
            if os.path.samestat(known, found):
                return f"it is {outer}" if outer == path else f"{path} lies in it"
            if outer == path and any(os.path.samestat(known, each) for each in above):
                return f"it lies in {path}"
    return None


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
