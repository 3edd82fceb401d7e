"""What agents ask of the contexts that were submitted: those of runs that they have."""

import asyncio
from collections.abc import AsyncGenerator

import grpc

from headstart.collector.fleet.refused import Refused
from headstart.collector.store.contexts import Contexts, is_needed_by
from headstart.collector.store.store import Store
from headstart.v1.fleet_pb2 import FetchContextRequest

_PIECE_BYTES = 512 * 1024


class ContextRequests:
    """Answers `FetchContext`."""

    def __init__(self, store: Store, contexts: Contexts) -> None:
        self._store = store
        self._contexts = contexts

    async def host_of(self, request: FetchContextRequest) -> str:
        """The host whose run needs what is asked for. Refused: none does. StoreFault."""
        attempt = request.attempt
        host = await self._store.read(
            lambda c: is_needed_by(c, attempt.run_id, attempt.attempt, request.sha256)
        )
        if host is None:
            raise Refused(
                grpc.StatusCode.NOT_FOUND,
                "this attempt does not count any more, or needs no such context",
            )
        return host

    async def pieces(self, request: FetchContextRequest) -> AsyncGenerator[bytes, None]:
        """The archive from an offset on. Refused: it is not here, or shorter."""
        try:
            file = self._contexts.open(request.sha256)
        except FileNotFoundError:
            raise Refused(
                grpc.StatusCode.NOT_FOUND,
                "the collector does not have the context any more: submit the file again",
            ) from None
        with file:
            if request.offset > self._contexts.size(request.sha256):
                raise Refused(
                    grpc.StatusCode.OUT_OF_RANGE, f"the context ends before {request.offset}"
                )
            file.seek(request.offset)
            while piece := await asyncio.to_thread(file.read, _PIECE_BYTES):
                yield piece
