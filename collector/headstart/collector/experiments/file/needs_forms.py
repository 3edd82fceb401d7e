"""The keys of a variant that say how its container differs from that of every other image."""

from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import Field

from headstart.collector.experiments.file.document import Path
from headstart.collector.experiments.file.forms import Form, Shorthand, written
from headstart.collector.experiments.file.phrases import found
from headstart.collector.experiments.file.units import Choice, Scalar, Size, Switch, Text, Whole
from headstart.v1 import experiment_pb2 as pb
from headstart.words.container_needs import (
    CAPABILITIES,
    FILES_OF_AN_ENGINE,
    FOLDER_PATTERN,
    HOST_NAME_PATTERN,
    HOST_PATH_PATTERN,
    HOSTS_FILE,
    LARGEST_TMPFS,
    LARGEST_ULIMIT,
    LONGEST_ADDRESS,
    LONGEST_FOLDER,
    LONGEST_HOST_NAME,
    LONGEST_HOST_PATH,
    MOST_FOLDERS,
    MOST_HOSTS,
    SMALLEST_TMPFS,
    ULIMITS,
    USER_PATTERN,
    is_address,
)

_FOLDER = Text(
    "an absolute folder of the container, without '..', a blank, ':' or ',', and none of /proc,"
    " /sys, /dev or /.headstart",
    FOLDER_PATTERN,
    maximum=LONGEST_FOLDER,
)
_USER = Text("a user such as 1000, '1000:1000' or app", USER_PATTERN, maximum=129, loose=True)
_MEMORY = Size(SMALLEST_TMPFS, LARGEST_TMPFS)
_HOST_NAME = Text(
    "the name of a host in small letters, such as db or db.internal, and none of localhost",
    HOST_NAME_PATTERN,
    maximum=LONGEST_HOST_NAME,
)


_HOST_PATH = Text(
    "an absolute path of the host, without '..' and ':'", HOST_PATH_PATTERN, LONGEST_HOST_PATH
)


class Address(Scalar):
    """A literal address of IPv4 or IPv6."""

    def parse(self, value: object) -> str:
        """See `Scalar`."""
        if isinstance(value, str) and is_address(value):
            return value
        raise ValueError(f"expected an address such as 127.0.0.1 or '::1', found {found(value)}")

    def json_schema(self) -> dict[str, Any]:
        """See `Scalar`."""
        pattern = rf"^(?=.*[.:])[0-9A-Fa-f.:]{{2,{LONGEST_ADDRESS}}}$"
        return {"type": "string", "pattern": pattern, "examples": ["127.0.0.1", "::1"]}


class VolumeForm(Form):
    """A folder of a container that is not its image's."""

    at: Annotated[str, _FOLDER]
    """Where the container has it."""
    host: Annotated[str, _HOST_PATH] | None = None
    """A folder or file of the host that is lent, where the host's policy allows it."""
    read_only: Annotated[bool, Switch()] = written(True)
    """Whether what is lent can only be read."""


class NeedsForm(Form):
    """What a container is given beyond its image, or denied."""

    user: Annotated[str, _USER] | None = None
    """User that its program runs as, in place of the image's own: a number or a name, perhaps with
    `:GROUP`."""
    read_only: Annotated[bool, Switch()] = written(False)
    """Whether the image's own files cannot be written to."""
    tmpfs: dict[Annotated[str, _FOLDER], Annotated[float, _MEMORY]] = Field(
        default_factory=dict, max_length=MOST_FOLDERS
    )
    """Folders that are kept in memory, with their sizes; charged to the memory limit."""
    shm_size: Annotated[float, _MEMORY] | None = None
    """Size of `/dev/shm`; charged to the memory limit."""
    volumes: list[Annotated[VolumeForm, Shorthand("at", _FOLDER)]] = Field(
        default_factory=list, max_length=MOST_FOLDERS
    )
    """Folders that are fresh in every trial and removed with it, or that the host lends."""
    ulimits: dict[Annotated[str, Choice(*ULIMITS)], Annotated[int, Whole(-1, LARGEST_ULIMIT)]] = (
        Field(default_factory=dict)
    )
    """Limits of resources, such as `nofile`, soft and hard alike; -1 is none."""
    capabilities: list[Annotated[str, Choice(*CAPABILITIES)]] = Field(
        default_factory=list, max_length=len(CAPABILITIES)
    )
    """Capabilities that the container keeps, where the host's policy allows them; else none."""
    hosts: dict[Annotated[str, _HOST_NAME], Annotated[str, Address()]] = Field(
        default_factory=dict, max_length=MOST_HOSTS
    )
    """Names that the container resolves, beside localhost, with their addresses."""


def needs_of_a_command(path: Path, variant: dict[str, Any]) -> Iterator[tuple[Path, str, bool]]:
    """Keys of a container that a command states, which has none."""
    for key in NeedsForm.known_keys().keys() & variant.keys():
        message = f"'{key}' belongs to a container; a command is a process of the host"
        yield (*path, key), message, True


def folders_twice(path: Path, variant: dict[str, Any]) -> Iterator[tuple[Path, str, bool]]:
    """A folder of a container can be one thing only, and nothing is made in one of the host."""
    tmpfs, stated = variant.get("tmpfs"), variant.get("volumes")
    volumes = stated if isinstance(stated, list) else []
    seen = set(tmpfs) if isinstance(tmpfs, dict) else set()
    ats = [each.get("at") if isinstance(each, dict) else each for each in volumes]
    known = [each for each in (*seen, *ats, *FILES_OF_AN_ENGINE) if isinstance(each, str)]
    if variant.get("hosts") and HOSTS_FILE in seen:
        yield (*path, "tmpfs", HOSTS_FILE), f"'{HOSTS_FILE}' holds the names of 'hosts'", True
    for number, (volume, at) in enumerate(zip(volumes, ats, strict=True)):
        place = (*path, "volumes", number)
        if isinstance(volume, dict) and "read_only" in volume and "host" not in volume:
            message = "'read_only' belongs to a path of the host; a fresh volume can be written to"
            yield (*place, "read_only"), message, True
        if not isinstance(at, str):
            continue
        inner = [each for each in known if each.startswith(f"{at}/")]
        if variant.get("hosts") and at == HOSTS_FILE:
            yield place, f"'{HOSTS_FILE}' holds the names of 'hosts'", False
        if at in seen:
            message = f"'{at}' is stated twice; a folder is in 'tmpfs' or 'volumes', and once"
            yield place, message, False
        elif inner and isinstance(volume, dict) and "host" in volume:
            message = f"'{min(inner)}' lies in '{at}', and would be made in the host's folder"
            yield place, message, False
        seen.add(at)


def put_needs(variant: pb.Variant, form: NeedsForm) -> None:
    """What the file asks for; a variant that asks for nothing has no needs."""
    needs = pb.ContainerNeeds(
        user=form.user or "",
        read_only=form.read_only,
        tmpfs_bytes={folder: round(size) for folder, size in form.tmpfs.items()},
        shm_bytes=round(form.shm_size or 0),
        volumes=[each.at for each in form.volumes if each.host is None],
        host_paths=[
            pb.HostPath(host=each.host, at=each.at, writable=not each.read_only)
            for each in form.volumes
            if each.host is not None
        ],
        ulimits=form.ulimits,
        capabilities=dict.fromkeys(form.capabilities),
        hosts=form.hosts,
    )
    if needs != pb.ContainerNeeds():
        variant.needs.CopyFrom(needs)
