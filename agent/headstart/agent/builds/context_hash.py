"""What a context that was built in place would be known by, if it had been sent.

It is taken of the very bytes that the engine was given, after the build, so that no build waits
for it and nothing that changed since counts.
"""

import os
import tarfile
from typing import IO

from headstart.agent.builds.context_archive import HashingSink, member_of
from headstart.agent.cancellation import Cancellation

# Reading more takes seconds and memory of an agent that is about to measure.
_LARGEST_BYTES = 1 << 30
_MOST_ENTRIES = 50_000


def hash_of_packed(packed: IO[bytes], cancelled: Cancellation) -> str:
    """SHA-256 of the archive with these members; empty: none is made of them, or too much.

    OSError, Cancelled.
    """
    if packed.seek(0, os.SEEK_END) > _LARGEST_BYTES:
        return ""
    packed.seek(0)
    sink = HashingSink()
    with tarfile.open(
        fileobj=packed, mode="r:", encoding="utf-8", errors="surrogateescape"
    ) as archive:
        members: dict[str, tarfile.TarInfo] = {}
        for member in archive:
            cancelled.raise_if_set()
            members[member.name] = member
            if len(members) > _MOST_ENTRIES:
                return ""
        with sink.archive() as canonical:
            for name in sorted(members, key=os.fsencode):
                cancelled.raise_if_set()
                # A second name of a file is a file.
                found = members[name]
                content = members[found.linkname] if found.islnk() else found
                if not (content.isreg() or content.isdir() or content.issym()):
                    return ""
                if content.mode & 0o6000 and not content.isdir():
                    return ""
                made = member_of(name, content.type, content.mode)
                made.linkname = content.linkname if content.issym() else ""
                made.size = content.size
                canonical.addfile(made, archive.extractfile(content) if content.isreg() else None)
    return sink.hash.hexdigest()
