"""Contexts of builds as a client packs and sends them."""

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from headstart.agent.builds.context_archive import pack_archive
from headstart.v1.experiment_pb2 import ContextArchive
from headstart.v1.experiments_pb2 import SendContextRequest
from support.trees import write_tree


def archive_of(folder: Path, files: dict[str, str | bytes]) -> tuple[ContextArchive, bytes]:
    """The archive of a folder that is made for it, and what is sent."""
    into = io.BytesIO()
    packed = pack_archive(write_tree(folder, files), "Dockerfile", (False,), into)
    archive = ContextArchive(
        sha256=packed.sha256,
        stored_bytes=packed.stored_bytes,
        tar_bytes=packed.tar_bytes,
        entries=packed.entries,
    )
    return archive, into.getvalue()


async def in_pieces(data: bytes, size: int = 100) -> AsyncIterator[bytes]:
    """Some at a time."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


def requests(archive: ContextArchive, data: bytes) -> Iterator[SendContextRequest]:
    """The messages of `SendContext`."""
    yield SendContextRequest(archive=archive)
    for start in range(0, len(data), 100):
        yield SendContextRequest(piece=data[start : start + 100])
