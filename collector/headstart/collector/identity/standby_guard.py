"""Of a collector that stands by: which calls it answers, and how it refuses the others."""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from headstart.collector.identity.call_roles import changes_nothing
from headstart.words.standing_by import STANDING_BY_KEY, UNKNOWN


class StandingBy(grpc.aio.ServerInterceptor):
    """Before the guard: what would be written to the audit is not even looked at."""

    def __init__(self, active_address: Callable[[], str]) -> None:
        """`active_address`: by what the active collector says it is reached; empty: unknown."""
        self._active_address = active_address

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The handler of a call that changes nothing; else one that refuses."""
        if changes_nothing(handler_call_details.method):
            return await continuation(handler_call_details)
        return grpc.stream_stream_rpc_method_handler(self._refuse)

    def words(self) -> str:
        """That it stands by, and for whom."""
        if address := self._active_address():
            return f"this collector stands by, the active one is {address}"
        return "this collector stands by, and does not know where an active one is reached"

    async def _refuse(self, _requests: object, context: Any) -> None:
        address = self._active_address()
        value = _ascii(address) or UNKNOWN
        metadata = ((STANDING_BY_KEY, value),)
        await context.abort(grpc.StatusCode.UNAVAILABLE, self.words(), metadata)


def _ascii(address: str) -> str:
    """As a value of metadata has to be."""
    return address.encode("ascii", "replace").decode()
