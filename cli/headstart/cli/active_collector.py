"""Which of several collectors is the active one: each is asked for its health, in turn."""

from dataclasses import replace
from typing import cast

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from headstart.cli.connection import Connection
from headstart.words.standing_by import ACTIVE_SERVICE

# A frozen process takes connections and answers nothing.
_PATIENCE_SECONDS = 2.0
_SERVING = health_pb2.HealthCheckResponse.SERVING


def active_of(connection: Connection) -> Connection:
    """The same to the active collector; to one that stands by, if none is active; else as given.

    Who stands by answers what only reads, and refuses the rest in words. Raises InputError
    where the options do not go together.
    """
    standing_by = None
    silent = []
    for target in connection.targets:
        others = tuple(each for each in connection.targets if each != target)
        there = replace(connection, target=target, others=others)
        try:
            if is_active(there):
                return there
        except grpc.RpcError as error:
            silent.append((target, _said(cast("grpc.Call", error))))
        else:
            standing_by = standing_by or there
    return standing_by or replace(connection, silent=tuple(silent))


def _said(call: grpc.Call) -> str:
    if call.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return f"no answer within {_PATIENCE_SECONDS:g} s"
    return call.details() or call.code().name


def is_active(connection: Connection) -> bool:
    """Whether this one has the agents. Raises grpc.RpcError where it does not answer."""
    with connection.channel() as channel:
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # its stubs
        asked = health_pb2.HealthCheckRequest(service=ACTIVE_SERVICE)
        answer = check(asked, timeout=_PATIENCE_SECONDS)
    return bool(answer.status == _SERVING)
