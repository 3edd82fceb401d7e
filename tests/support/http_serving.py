"""The collector's HTTP server in a loop of its own, for tests and benchmarks that are no loop."""

import asyncio
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from headstart.collector.metrics.application import Provider, metrics_application
from headstart.collector.own_metrics import SelfMetrics
from headstart.collector.transport.http_server import HttpServer

FIXED_TEXT = b"headstart_up 1\n"


class Fixed:
    """A provider with one text; what `Exposition` gives is tested there."""

    def __init__(self, text: bytes = FIXED_TEXT) -> None:
        self.text = text

    def scrape(self, compressed: bool = False) -> bytes:
        return gzip.compress(self.text) if compressed else self.text


@contextmanager
def serving(provider: Provider, address: str = "127.0.0.1:0", **settings: Any) -> Iterator[Any]:
    """Serve /metrics and /healthz from a thread; yields the HttpServer."""
    problem = settings.pop("problem", lambda: "")
    secrets = settings.pop("secrets", None)
    metrics = settings.pop("metrics", None) or SelfMetrics("test")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(30)

    async def start() -> HttpServer:
        application = metrics_application(provider, problem, secrets=secrets)
        return await HttpServer.start(address, application, metrics, **settings)

    try:
        server = run(start())
        try:
            yield server
        finally:
            run(server.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
