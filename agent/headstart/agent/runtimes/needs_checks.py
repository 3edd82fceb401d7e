"""What a variant asks of its container, held against the policy and the bounds of each key.

A collector is trusted with none of it: it is checked here as if nobody had checked it before.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from headstart.agent.policy.policy import Policy
from headstart.v1.experiment_pb2 import ContainerNeeds
from headstart.v1.records_pb2 import FailureCode
from headstart.words.container_needs import (
    CAPABILITIES,
    FILES_OF_AN_ENGINE,
    FOLDER_PATTERN,
    HOST_NAME_PATTERN,
    HOST_PATH_PATTERN,
    HOSTS_FILE,
    LARGEST_TMPFS_BYTES,
    LARGEST_ULIMIT,
    LONGEST_FOLDER,
    LONGEST_HOST_NAME,
    LONGEST_HOST_PATH,
    MOST_FOLDERS,
    MOST_HOSTS,
    SMALLEST_TMPFS_BYTES,
    ULIMITS,
    USER_PATTERN,
    is_address,
)

_MOST_OPEN = Path("/proc/sys/fs/nr_open")
_REFUSED = FailureCode.FAILURE_CODE_REFUSED_BY_POLICY
_UNUSABLE = FailureCode.FAILURE_CODE_AGENT

# The key of the variant, why, and which kind of failure that is.
Problem = tuple[str, str, FailureCode.ValueType]


def problems_of(needs: ContainerNeeds, policy: Policy) -> Iterator[Problem]:
    """Why no container may be made so; nothing: it may."""
    if needs.user:
        if re.fullmatch(USER_PATTERN, needs.user) is None:
            yield "user", f"{needs.user[:100]!r} is no user", _UNUSABLE
        elif words := policy.user_refusal(needs.user, is_stated=True):
            yield "user", words, _REFUSED
    if len(needs.tmpfs_bytes) > MOST_FOLDERS:
        yield "tmpfs", f"more than {MOST_FOLDERS} folders in memory", _UNUSABLE
    for folder, size in needs.tmpfs_bytes.items():
        if not _is_folder(folder):
            yield "tmpfs", f"{folder[:100]!r} is no folder that a container can be given", _UNUSABLE
        elif not SMALLEST_TMPFS_BYTES <= size <= LARGEST_TMPFS_BYTES:
            yield "tmpfs", f"{folder} cannot have {size} bytes", _UNUSABLE
    if needs.shm_bytes and not SMALLEST_TMPFS_BYTES <= needs.shm_bytes <= LARGEST_TMPFS_BYTES:
        yield "shm_size", f"shared memory cannot have {needs.shm_bytes} bytes", _UNUSABLE
    if len(needs.volumes) > MOST_FOLDERS:
        yield "volumes", f"more than {MOST_FOLDERS} volumes", _UNUSABLE
    seen = set(needs.tmpfs_bytes)
    for folder in needs.volumes:
        if not _is_folder(folder):
            words = f"{folder[:100]!r} is no folder that a container can be given"
            yield "volumes", words, _UNUSABLE
        elif folder in seen:
            yield "volumes", f"{folder} is stated twice", _UNUSABLE
        seen.add(folder)
    for name, most in needs.ulimits.items():
        if name not in ULIMITS or not -1 <= most <= LARGEST_ULIMIT:
            yield "ulimits", f"{name[:100]!r} cannot be {most}", _UNUSABLE
    if unknown := set(needs.capabilities) - set(CAPABILITIES):
        yield "capabilities", f"{min(unknown)[:100]!r} is given to no container", _UNUSABLE
    elif words := policy.capabilities_refusal(needs.capabilities):
        yield "capabilities", words, _REFUSED
    yield from _problems_of_hosts(needs)
    yield from _problems_of_host_paths(needs)


def _problems_of_hosts(needs: ContainerNeeds) -> Iterator[Problem]:
    if len(needs.hosts) > MOST_HOSTS:
        yield "hosts", f"more than {MOST_HOSTS} names", _UNUSABLE
        return
    for name, address in needs.hosts.items():
        long = len(name) > LONGEST_HOST_NAME
        if long or re.fullmatch(HOST_NAME_PATTERN, name) is None:
            yield "hosts", f"{name[:100]!r} is no name that a container can be given", _UNUSABLE
        elif not is_address(address):
            yield "hosts", f"{name[:100]} cannot be at {address[:100]!r}: no address", _UNUSABLE
    folders = (*needs.tmpfs_bytes, *needs.volumes, *(each.at for each in needs.host_paths))
    if needs.hosts and HOSTS_FILE in folders:
        yield "hosts", f"{HOSTS_FILE} is a folder of the variant too", _UNUSABLE


def _problems_of_host_paths(needs: ContainerNeeds) -> Iterator[Problem]:
    if len(needs.host_paths) > MOST_FOLDERS:
        yield "volumes", f"more than {MOST_FOLDERS} paths of the host", _UNUSABLE
        return
    seen = {*needs.tmpfs_bytes, *needs.volumes}
    targets = [*seen, *(each.at for each in needs.host_paths), *FILES_OF_AN_ENGINE]
    for path in needs.host_paths:
        host = path.host
        if len(host) > LONGEST_HOST_PATH or re.fullmatch(HOST_PATH_PATTERN, host) is None:
            yield "volumes", f"{host[:100]!r} is no path of a host that can be lent", _UNUSABLE
        if not _is_folder(path.at):
            words = f"{path.at[:100]!r} is no folder that a container can be given"
            yield "volumes", words, _UNUSABLE
        elif path.at in seen:
            yield "volumes", f"{path.at} is stated twice", _UNUSABLE
        elif inner := [each for each in targets if each.startswith(f"{path.at}/")]:
            words = f"{min(inner)} lies in {path.at}, and would be made in {host} of the host"
            yield "volumes", words, _UNUSABLE
        seen.add(path.at)


def beyond_memory(
    needs: ContainerNeeds, limit_bytes: int, key_of_limit: str = "plan.memory"
) -> Iterator[Problem]:
    """What is kept in memory and could never be filled: it is charged to the memory limit."""
    for key, size in (
        ("tmpfs", sum(needs.tmpfs_bytes.values())),
        ("shm_size", needs.shm_bytes),
    ):
        if size > limit_bytes:
            words = (
                f"{size >> 20} MiB are kept in memory and charged to the memory limit, which is"
                f" {limit_bytes >> 20} MiB here ({key_of_limit}, or the policy's memory_limit)"
            )
            yield key, words, _UNUSABLE


def most_open_files() -> int:
    """fs.nr_open of this host (proc_sys_fs(5))."""
    return int(_MOST_OPEN.read_text())


def beyond_kernel(needs: ContainerNeeds, most_open: int) -> Iterator[Problem]:
    """A limit that no process can be given; `most_open`: fs.nr_open (proc_sys_fs(5))."""
    limit = needs.ulimits.get("nofile", 0)
    if not 0 <= limit <= most_open:
        words = f"nofile is at most {most_open} on this host (fs.nr_open), never without limit"
        yield "ulimits", words, _UNUSABLE


def stated_limits(ulimits: Mapping[str, int]) -> str:
    """For the fault of a container that did not start: they may be why."""
    told = ", ".join(f"{name}: {most}" for name, most in sorted(ulimits.items()))
    return f"the variant states ulimits ({told}), within which an engine or a program may not begin"


def tmpfs_options(needs: ContainerNeeds) -> dict[str, str]:
    """By folder. Programs may be started from there, as from the image's own files."""
    return {
        folder: f"rw,exec,nosuid,nodev,mode=1777,size={size}"
        for folder, size in needs.tmpfs_bytes.items()
    }


def _is_folder(path: str) -> bool:
    return len(path) <= LONGEST_FOLDER and re.fullmatch(FOLDER_PATTERN, path) is not None
