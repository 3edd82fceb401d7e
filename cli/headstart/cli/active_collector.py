"""Which of several collectors is the active one: each is asked for its health, in turn."""

from dataclasses import replace

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
    for target in connection.targets:
        others = tuple(each for each in connection.targets if each != target)
        there = replace(connection, target=target, others=others)
        is_active = _is_active(there)
        if is_active:
            return there
        if is_active is not None and standing_by is None:
            standing_by = there
    return standing_by or connection


def _is_active(connection: Connection) -> bool | None:
    """None: it does not answer."""
    with connection.channel() as channel:
        try:
            check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # its stubs
            asked = health_pb2.HealthCheckRequest(service=ACTIVE_SERVICE)
            answer = check(asked, timeout=_PATIENCE_SECONDS)
        except grpc.RpcError:
            return None
    return bool(answer.status == _SERVING)
