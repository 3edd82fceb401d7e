"""The folder of `headstart run` (--data): where its store is, and a collector on it for a while."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headstart.cli.connection import SOCKET_NAME, Connection
from headstart.cli.errors import CommandError, InputError
from headstart.cli.faults import collector_faults
from headstart.words.foreign.addresses import fits, unix_address

if TYPE_CHECKING:
    from headstart.collector.server import Collector

DEFAULT = Path(".headstart")
# As the collector's store names it, which takes a second to import.
_STORE = "headstart.sqlite"
# Beside the socket of a run: whoever reads listens here, so that nobody takes it for a run.
_READING = "reading.sock"
_PROBE_SECONDS = 1.0
# Another command that reads here is over in a second or two.
_BUSY_SECONDS = 15.0
_AGAIN_SECONDS = 0.1


def store_folder(data: Path) -> Path | None:
    """The collector's folder in a data folder, or the folder itself where it is a collector's."""
    for folder in (data / "collector", data):
        try:
            if (folder / _STORE).is_file():
                return folder.absolute()
        except OSError as error:
            raise InputError(f"{folder}: {error.strerror}") from error
    return None


def listens(path: Path) -> bool:
    """Whether something accepts connections at a socket's path."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(_PROBE_SECONDS)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def own_address(folder: Path, ending: ExitStack, name: str = SOCKET_NAME) -> str:
    """A socket in a collector's folder; in a folder made for it where none can be there.

    That is so when its path is too long, and when the folder came from another user, as
    out of a cache: only the owner of a folder may have a socket in it.
    """
    path = folder / name
    if not fits(path) or (folder.exists() and folder.stat().st_uid not in (0, os.geteuid())):
        made = _made_folder()
        ending.callback(shutil.rmtree, made, ignore_errors=True)
        path = made / name
    try:
        return unix_address(path)
    except ValueError as error:
        raise CommandError(f"{error}: set XDG_RUNTIME_DIR or TMPDIR to a shorter folder") from None


def _made_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    for parent in (runtime, None) if runtime else (None,):
        try:
            return Path(tempfile.mkdtemp(prefix="headstart-", dir=parent))
        except OSError as error:
            fault = error
    raise CommandError(
        f"no folder for a socket can be made ({fault.strerror}: {fault.filename or 'TMPDIR'}): "
        "set TMPDIR to a folder that can be written"
    )


async def start_collector(folder: Path, address: str) -> Collector:
    """A collector without metrics and confirmations; it waits for commands that read here.

    Raises CommandError when another run goes on here, and for all else that keeps it.
    """
    from headstart.collector.config import CollectorConfig, Timing
    from headstart.collector.server import Collector, FolderInUse

    config = CollectorConfig(
        data=folder,
        listen=address,
        # The folder may know this machine under an earlier --host: it has no agent now.
        timing=Timing(host_expiry_seconds=0),
        # Whoever asked for one run is not kept waiting for another.
        confirm_regressions=False,
    )
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            with collector_faults():
                return await Collector.start(config)
        except CommandError as error:
            busy = isinstance(error.__cause__, FolderInUse)
            if not busy or running_at(folder) or time.monotonic() > until:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


def running_at(folder: Path) -> str | None:
    """The address of the collector of a run that goes on in a folder."""
    path = folder / SOCKET_NAME
    return unix_address(path) if fits(path) and listens(path) else None


@contextmanager
def opened(folder: Path) -> Iterator[Connection]:
    """A collector's folder, to be asked: by the collector that works there, or by one of ours.

    Raises CommandError when neither can be.
    """
    with ExitStack() as ending:
        if running := running_at(folder):
            yield Connection(running)
            return
        address = own_address(folder, ending, _READING)
        run = ending.enter_context(_loop())
        try:
            collector = run(start_collector(folder, address))
        except CommandError:
            # A run began meanwhile.
            if not (running := running_at(folder)):
                raise
            address = running
        else:
            ending.callback(lambda: run(collector.stop()))
        yield Connection(address)


@contextmanager
def _loop() -> Iterator[Callable[[Coroutine[Any, Any, Any]], Any]]:
    """An event loop in a thread, and how something is run in it to its end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="collector", daemon=True)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
