"""A collector in a process of its own, so that it can be killed and frozen.

As a program: `collector_process.py CONFIG_PICKLE [LOG_LEVEL]` prints its port and serves until
SIGTERM.
"""

import asyncio
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from headstart.cli.logs import send_to_stderr
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
    """`port` stays the same over `restart`. A config that says what to listen on has that."""

    def __init__(
        self,
        config: CollectorConfig,
        port: int = 0,
        env: Mapping[str, str] | None = None,
        log: Path | None = None,
    ) -> None:
        self._config = config
        self._env = os.environ | dict(env or {})
        self._log = log
        self.port = port
        self.start()

    def start(self) -> None:
        """Start it and wait until it answers."""
        config = self._config
        if not config.listen:
            config = replace(config, listen=f"127.0.0.1:{self.port}", plaintext=True)
        log = self._log.open("ab") if self._log is not None else None
        level = ["INFO"] if log is not None else []
        self.process = subprocess.Popen(
            [sys.executable, __file__, pickle.dumps(config).hex(), *level],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=self._env,
        )
        if log is not None:
            log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the collector did not start"
        self.port = int(line)

    def kill(self) -> None:
        """SIGKILL, and wait for its end."""
        self.end(signal.SIGKILL)

    def end(self, number: int) -> None:
        """Send a signal that ends it, and wait for that."""
        self.process.send_signal(number)
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def restart(self, number: int = signal.SIGKILL) -> None:
        """End it and start again on the same folder and port."""
        self.end(number)
        self.start()


async def _serve(config: CollectorConfig) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if config.stand_by:
        from headstart.collector.turns import Turns

        turns = await Turns.start(config)
        print(turns.collector.port, flush=True)
        await turns.run(stop)
        return
    collector = await Collector.start(config)
    print(collector.port, flush=True)
    await stop.wait()
    await collector.stop()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        send_to_stderr(sys.argv[2], "%(asctime)s %(levelname)s %(message)s")
    asyncio.run(_serve(pickle.loads(bytes.fromhex(sys.argv[1]))))  # noqa: S301  # our own
