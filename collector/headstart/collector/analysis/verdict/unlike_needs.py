"""How the containers of two variants differ beside their images."""

from headstart.v1.experiment_pb2 import ContainerNeeds, HostPath


def unlike_needs(name: str, ours: ContainerNeeds, base: str, theirs: ContainerNeeds) -> list[str]:
    """A sentence for each key that differs; the user is told with the image's."""
    mine, other = _described(ours), _described(theirs)
    return [
        f"The container of {name} has {mine[key]}, that of {base} {other[key]}."
        for key in mine
        if mine[key] != other[key]
    ]


def _described(needs: ContainerNeeds) -> dict[str, str]:
    folders = sorted(needs.tmpfs_bytes.items())
    return {
        "read_only": "a read-only file system" if needs.read_only else "a writable file system",
        "tmpfs": ", ".join(f"{path} in memory ({_size(each)})" for path, each in folders)
        or "no tmpfs",
        "shm_size": f"{_size(needs.shm_bytes)} of /dev/shm"
        if needs.shm_bytes
        else "the engine's default of /dev/shm",
        "volumes": f"volumes at {', '.join(sorted(needs.volumes))}"
        if needs.volumes
        else "no volume",
        "host_paths": ", ".join(sorted(map(_lent, needs.host_paths))) or "no path of its host",
        "ulimits": ", ".join(
            f"{name} {_limit(each)}" for name, each in sorted(needs.ulimits.items())
        )
        or "the engine's ulimits",
        "capabilities": f"the capabilities {', '.join(sorted(needs.capabilities))}"
        if needs.capabilities
        else "no capability",
        "hosts": ", ".join(f"{name} at {each}" for name, each in sorted(needs.hosts.items()))
        or "no names of its own to resolve",
    }


def _lent(path: HostPath) -> str:
    may = "to write to" if path.writable else "to read"
    return f"{path.host} of its host at {path.at} {may}"


def _limit(value: int) -> str:
    return "without limit" if value < 0 else f"at most {value:,}"


def _size(count: int) -> str:
    return f"{count / 2**20:g} MiB"
