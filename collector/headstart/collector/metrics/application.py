"""What the HTTP server answers: /metrics for Prometheus and /healthz for whoever watches."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler
from prometheus_client.exposition import gzip_accepted

from headstart.collector.metrics.scrape_secrets import ScrapeSecrets

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Shorter than Prometheus waits (scrape_timeout, 10 s).
_WHOLE_SECONDS = 8.0
# Threads of their own: many scrapes at once keep nothing waiting but each other.
_SCRAPES_AT_ONCE = 2


class Provider(Protocol):
    """What there is to scrape; `Exposition` is one."""

    def scrape(self, compressed: bool = False) -> bytes:
        """The exposition, as gzip when `compressed`. Called from many threads."""


def metrics_application(
    provider: Provider,
    problem: Callable[[], str] = lambda: "",
    is_whole: asyncio.Event | None = None,
    secrets: ScrapeSecrets | None = None,
    standing_by: str = "",
) -> web.Application:
    """/metrics, and /healthz: 200, or 503 with the text that `problem` returns.

    /active is 200 on the active collector, and 503 with `standing_by` on one that stands by.
    With `secrets` /metrics is for who has one; /healthz says nothing of results, and stays open.
    Until `is_whole` a scrape waits: half of the series would look as if the others had ended.
    """
    scrapes = ThreadPoolExecutor(_SCRAPES_AT_ONCE, thread_name_prefix="scrape")

    async def metrics(request: web.Request) -> web.Response:
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        if secrets is not None and not await asyncio.to_thread(secrets.allows, given):
            said = "expected one of the secrets" if given else "expected an Authorization header"
            refusal = web.Response(text=f"{said}\n", status=401)
            for challenge in secrets.challenges:
                refusal.headers.add(hdrs.WWW_AUTHENTICATE, challenge)
            return refusal
        if is_whole is not None and not is_whole.is_set():
            try:
                await asyncio.wait_for(is_whole.wait(), _WHOLE_SECONDS)
            except TimeoutError:
                words = "the results that are stored are being taken up; ask again\n"
                return web.Response(text=words, status=503, headers={hdrs.RETRY_AFTER: "5"})
        compressed = gzip_accepted(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(scrapes, provider.scrape, compressed)
        headers = {hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.VARY: hdrs.ACCEPT_ENCODING}
        if compressed:
            headers[hdrs.CONTENT_ENCODING] = "gzip"
        return web.Response(body=body, headers=headers)

    async def health(_request: web.Request) -> web.Response:
        said = problem()
        return web.Response(text=f"{said or 'ok'}\n", status=503 if said else 200)

    async def active(_request: web.Request) -> web.Response:
        return web.Response(text=f"{standing_by or 'active'}\n", status=503 if standing_by else 200)

    async def stop(_application: web.Application) -> None:
        scrapes.shutdown(wait=False)

    application = web.Application(middlewares=[_other_paths])
    application.router.add_get("/metrics", metrics)
    application.router.add_get("/healthz", health)
    application.router.add_get("/active", active)
    application.on_response_prepare.append(_unsigned)
    application.on_cleanup.append(stop)
    return application


@web.middleware
async def _other_paths(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return web.Response(text="/metrics, /healthz or /active\n", status=404)


async def _unsigned(_request: web.Request, response: web.StreamResponse) -> None:
    """Whose versions these are is nobody's business."""
    response.headers[hdrs.SERVER] = "headstart"
