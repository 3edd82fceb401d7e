"""A collector in a process of its own, so that it can be killed and frozen.

As a program: `collector_process.py CONFIG_PICKLE` prints its port and serves until killed.
"""

import asyncio
import pickle
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from headstart.collector.config import CollectorConfig
from headstart.collector.server import Collector


@contextmanager
def collector_process(config: CollectorConfig, port: int = 0) -> Iterator["CollectorProcess"]:
    """Started and answering; killed at the end if it still lives."""
    process = CollectorProcess(config, port)
    try:
        yield process
    finally:
        process.kill()


class CollectorProcess:
    """`port` stays the same over `restart`."""

    def __init__(self, config: CollectorConfig, port: int = 0) -> None:
        self._config = config
        self.port = port
        self._start()

    def _start(self) -> None:
        config = replace(self._config, listen=f"127.0.0.1:{self.port}", plaintext=True)
        self.process = subprocess.Popen(
            [sys.executable, __file__, pickle.dumps(config).hex()],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the collector did not start"
        self.port = int(line)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def restart(self) -> None:
        """SIGKILL and start again on the same folder and port."""
        self.kill()
        self._start()


async def _serve(config: CollectorConfig) -> None:
    collector = await Collector.start(config)
    print(collector.port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(pickle.loads(bytes.fromhex(sys.argv[1]))))  # noqa: S301  # our own
