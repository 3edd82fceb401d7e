"""Output that nobody reads any more, as in `headstart report RUN | head`: dropped, quietly.

The command goes on and its exit code stays what it would be: whoever stops reading a report
changes nothing about the verdict in it.
"""

import io
import os
import sys
from typing import Any


class _QuietFile(io.FileIO):
    """A descriptor whose reader may go; what is written after that goes nowhere."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            self._drop()
            return memoryview(data).nbytes
        except OSError:
            # A full disk is told once: what is still buffered would fail again at the exit.
            self._drop()
            raise

    def _drop(self) -> None:
        """Let all that follows go nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def quiet_outputs() -> None:
    """Put standard output and standard error on such descriptors, where they are files."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        stream.flush()
        quiet = io.TextIOWrapper(
            io.BufferedWriter(_QuietFile(stream.fileno(), "w", closefd=False)),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=name == "stderr" or stream.line_buffering,
        )
        setattr(sys, name, quiet)
