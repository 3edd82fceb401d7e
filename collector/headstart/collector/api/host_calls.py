"""The calls of `ExperimentsService` about hosts: which there are, and what is ordered of them."""

from typing import Any

from headstart.collector.api.answers import hosts_that_fit
from headstart.collector.api.status_codes import EXPECTED, abort
from headstart.collector.fleet.fleet import Fleet
from headstart.collector.store.host_changes import NoSuchHost
from headstart.collector.transport.callers import who_is
from headstart.v1.experiments_pb2 import (
    DrainHostRequest,
    DrainHostResponse,
    HostState,
    ListHostsRequest,
    ListHostsResponse,
    ResumeHostRequest,
    ResumeHostResponse,
)

_LONGEST_REASON = 1000


class HostCalls:
    """All of them are durable when they return."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def ListHosts(
        self,
        request: ListHostsRequest,  # noqa: ARG002  # empty
        context: Any,
    ) -> ListHostsResponse:
        """Every host that ever attended, by name."""
        try:
            return ListHostsResponse(hosts=hosts_that_fit(await self._fleet.hosts()))
        except EXPECTED as error:
            await abort(context, error)

    async def DrainHost(self, request: DrainHostRequest, context: Any) -> DrainHostResponse:
        """See experiments.proto."""
        reason = request.reason[:_LONGEST_REASON]
        try:
            await self._fleet.orders.drain(request.host, reason, who_is(context))
            return DrainHostResponse(host=await self._state(request.host))
        except EXPECTED as error:
            await abort(context, error)

    async def ResumeHost(self, request: ResumeHostRequest, context: Any) -> ResumeHostResponse:
        """See experiments.proto."""
        try:
            await self._fleet.orders.resume(request.host, who_is(context))
            return ResumeHostResponse(host=await self._state(request.host))
        except EXPECTED as error:
            await abort(context, error)

    async def _state(self, host: str) -> HostState:
        for state in await self._fleet.hosts():
            if state.host.host == host:
                return hosts_that_fit([state])[0]
        # Removed since.
        raise NoSuchHost(host)
