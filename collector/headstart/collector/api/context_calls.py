"""The calls of `ExperimentsService` about contexts of builds: which are here, and one more."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from headstart.collector.api.status_codes import EXPECTED, Status, abort
from headstart.collector.store.contexts import Contexts, NotTaken
from headstart.v1.experiments_pb2 import (
    FindContextsRequest,
    FindContextsResponse,
    SendContextRequest,
    SendContextResponse,
)

_MOST_ASKED = 1000


class ContextCalls:
    """The part of the service that needs nothing but the archives."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    async def FindContexts(
        self, request: FindContextsRequest, context: Any
    ) -> FindContextsResponse:
        """See experiments.proto."""
        if len(request.sha256) > _MOST_ASKED:
            await abort(
                context,
                Status(grpc.StatusCode.INVALID_ARGUMENT, f"at most {_MOST_ASKED} contexts at once"),
            )
        return FindContextsResponse(
            missing=[each for each in request.sha256 if not self._contexts.has(each)],
            most_stored_bytes=self._contexts.most_stored_bytes,
            most_tar_bytes=self._contexts.most_tar_bytes,
        )

    async def SendContext(
        self,
        request_iterator: AsyncIterator[SendContextRequest],
        context: Any,
    ) -> SendContextResponse:
        """See experiments.proto."""
        try:
            first = await anext(request_iterator, SendContextRequest())
            await self._contexts.take(first.archive, _pieces(request_iterator))
            return SendContextResponse()
        except NotTaken as error:
            code = (
                grpc.StatusCode.RESOURCE_EXHAUSTED
                if error.too_much
                else grpc.StatusCode.INVALID_ARGUMENT
            )
            await abort(context, Status(code, str(error)))
        except OSError as error:
            words = f"the collector's disk does not take the context: {error.strerror or error}"
            await abort(context, Status(grpc.StatusCode.RESOURCE_EXHAUSTED, words))
        except EXPECTED as error:
            await abort(context, error)


async def _pieces(requests: AsyncIterator[SendContextRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request.piece
