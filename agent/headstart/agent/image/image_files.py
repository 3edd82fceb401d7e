"""The files of an image, read through a container of it that is made and never started."""

import tarfile
import tempfile
from collections.abc import Callable, Generator
from typing import BinaryIO

from headstart.agent.image.tar_stream import Budget, ByteStream, TarFault, members
from headstart.agent.image.tree import Tree
from headstart.agent.instances import RuntimeFault

# Of one program: a GraalVM native image of a large service has 200 MB.
_FILE_BYTES = 512 << 20


class ImageFiles:
    """See `binary.Files`. `fetch` gives a file's archive, in pieces."""

    def __init__(
        self, tree: Tree, fetch: Callable[[str], Generator[bytes, None, None]], budget: Budget
    ) -> None:
        self._tree = tree
        self._fetch = fetch
        self._budget = budget

    def resolve(self, path: str) -> str | None:
        """See `binary.Files`."""
        found = self._tree.find(path)
        return found[0] if found is not None and found[1].file else None

    def open(self, path: str) -> BinaryIO:
        """A copy without a name, on disk, gone when it is closed."""
        found = self._tree.find(path)
        if found is not None and found[1].size > _FILE_BYTES:
            raise OSError(f"it is larger than {_FILE_BYTES >> 20} MiB")
        copy = tempfile.TemporaryFile()  # noqa: SIM115  # the caller closes it
        try:
            self._fill(copy, path)
        except BaseException:
            copy.close()
            raise
        return copy

    def _fill(self, copy: BinaryIO, path: str) -> None:
        pieces = self._fetch(path)
        try:
            for member in members(ByteStream(pieces), self._budget):
                if member.type == tarfile.REGTYPE:
                    for piece in member.content:
                        self._budget.spend(len(piece))
                        copy.write(piece)
                    copy.seek(0)
                    return
        except (TarFault, RuntimeFault) as fault:
            raise OSError(str(fault)) from fault
        finally:
            # Ends the download, if it was not read to its end.
            pieces.close()
        raise OSError("the engine gave no such file")
