"""A way to a PostgreSQL server on which a connection is cut around its COMMIT."""

import socket
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

Cut = Literal["never", "before", "after"]
_COMMIT = b"COMMIT\0"
_NAME = ".s.PGSQL.5432"


class CutConnections:
    """Listens on a socket of its own. One cut at a time: `cut` is "never" again after it."""

    def __init__(self, server: Path) -> None:
        """`server`: the folder of its socket."""
        self.cut: Cut = "never"
        self._server = str(server / _NAME)
        self._folder = tempfile.TemporaryDirectory(prefix="hs-cut-")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.folder / _NAME))
        self._listener.listen()
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def folder(self) -> Path:
        """What stands in a URL as its host."""
        return Path(self._folder.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for each in (self._listener, *self._open):
            _end(each)
        self._folder.cleanup()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                try:
                    server.connect(self._server)
                except OSError:
                    _end(client)
                    continue
                self._open += [client, server]
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=self._copy, args=pair, daemon=True).start()

    def _copy(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                cut = self.cut if _COMMIT in data else "never"
                if cut == "after":
                    # Before the server has it, or its answer could be on the way already.
                    _end(source, reading_too=False)
                if cut != "before":
                    target.sendall(data)
                if cut != "never":
                    self.cut = "never"
                    break
        _end(source)
        # What the server was told last it carries out all the same.
        _end(target)


def _end(each: socket.socket, *, reading_too: bool = True) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR if reading_too else socket.SHUT_WR)
    if reading_too:
        each.close()
