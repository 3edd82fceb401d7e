"""The calls of `ExperimentsService` about hosts: which there are, and what is ordered of them."""

from typing import Any

import grpc

from headstart.collector.api.answers import hosts_that_fit
from headstart.collector.api.status_codes import EXPECTED, Status, abort
from headstart.collector.fleet.fleet import Fleet
from headstart.collector.store.forgetting import Lost
from headstart.collector.store.host_changes import NoSuchHost
from headstart.collector.transport.callers import who_is
from headstart.v1 import experiments_pb2
from headstart.v1.experiments_pb2 import (
    DrainHostRequest,
    DrainHostResponse,
    ForgetRequest,
    ForgetResponse,
    HostState,
    ListHostsRequest,
    ListHostsResponse,
    RemoveHostRequest,
    RemoveHostResponse,
    RenameHostRequest,
    RenameHostResponse,
    ResumeHostRequest,
    ResumeHostResponse,
)

_LONGEST_REASON = 1000
_MOST_NAMES = 1000
# Of each kind, in an answer.
_NAMED = 100


class HostCalls:
    """All of them are durable when they return."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def ListHosts(self, request: ListHostsRequest, context: Any) -> ListHostsResponse:
        """Every host that ever attended, by name, or those that are asked for."""
        try:
            asked = [
                state
                for state in await self._fleet.hosts()
                if request.host in ("", state.host.host) and state.host.host > request.after_host
            ]
            page = asked[: request.limit or len(asked)]
            return ListHostsResponse(hosts=hosts_that_fit(page), more_hosts=len(asked) - len(page))
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

    async def RenameHost(self, request: RenameHostRequest, context: Any) -> RenameHostResponse:
        """See experiments.proto."""
        try:
            await self._fleet.orders.rename(request.host, request.new_name, who_is(context))
            return RenameHostResponse(host=await self._state(request.new_name))
        except EXPECTED as error:
            await abort(context, error)

    async def RemoveHost(self, request: RemoveHostRequest, context: Any) -> RemoveHostResponse:
        """See experiments.proto."""
        try:
            lost, former = await self._fleet.orders.remove(
                request.host, who_is(context), force=request.force
            )
            return RemoveHostResponse(lost=_said(lost), former_name_of=former)
        except EXPECTED as error:
            await abort(context, error)

    async def Forget(self, request: ForgetRequest, context: Any) -> ForgetResponse:
        """See experiments.proto."""
        try:
            if not 0 < len(request.names) <= _MOST_NAMES:
                raise Status(
                    grpc.StatusCode.INVALID_ARGUMENT,
                    f"{len(request.names)} names; 1 to {_MOST_NAMES} were expected",
                )
            lost = await self._fleet.orders.forget(
                list(request.names), who_is(context), dry_run=request.dry_run
            )
            return ForgetResponse(lost=_said(lost))
        except EXPECTED as error:
            await abort(context, error)

    async def _state(self, host: str) -> HostState:
        for state in await self._fleet.hosts():
            if state.host.host == host:
                return hosts_that_fit([state])[0]
        # Removed since.
        raise NoSuchHost(host)


def _said(lost: Lost) -> experiments_pb2.Lost:
    return experiments_pb2.Lost(
        runs=len(lost.run_ids),
        results=lost.results,
        stored_bytes=lost.stored_bytes,
        experiments=lost.experiments[:_NAMED],
        hosts=lost.hosts[:_NAMED],
        run_ids=lost.run_ids[:_NAMED],
    )
