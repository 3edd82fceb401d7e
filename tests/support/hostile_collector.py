"""A collector that answers every call with words of its own choice."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from headstart.v1 import access_pb2, experiments_pb2, fleet_pb2, identity_pb2
from support.hostile_words import HOSTILE

_SERVICES = (
    experiments_pb2.DESCRIPTOR.services_by_name["ExperimentsService"],
    fleet_pb2.DESCRIPTOR.services_by_name["FleetService"],
    access_pb2.DESCRIPTOR.services_by_name["AccessService"],
    identity_pb2.DESCRIPTOR.services_by_name["IdentityService"],
)


@contextmanager
def hostile_collector(answer: Callable[[type[Message], Any], Iterator[Message]]) -> Iterator[str]:
    """Its address. `answer` gets the response's class and the call's context."""
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads, options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers([_Calls(answer)])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None).wait()


def full(kind: type[Message], depth: int = 6, seconds: float = 0.0) -> Message:
    """A message with hostile words in every field that can hold them; runs have ended.

    `seconds` is what each time is.
    """
    message = kind()
    for field in kind.DESCRIPTOR.fields:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            getattr(message, field.name)[HOSTILE] = HOSTILE
        elif field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
            if depth and field.message_type is not None:
                within = full(GetMessageClass(field.message_type), depth - 1, seconds)  # type: ignore[arg-type]  # one of two kinds
                target = getattr(message, field.name)
                (target.add() if field.is_repeated else target).CopyFrom(within)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                getattr(message, field.name).append(HOSTILE)
            else:
                setattr(message, field.name, HOSTILE)
        elif field.type == FieldDescriptor.TYPE_BYTES and not field.is_repeated:
            setattr(message, field.name, HOSTILE.encode())
        elif field.name.endswith("time_seconds"):
            setattr(message, field.name, seconds)
        elif field.name == "state" and not field.is_repeated:
            message.state = experiments_pb2.RunState.RUN_STATE_FAILED  # type: ignore[attr-defined]  # by its name
    return message


if TYPE_CHECKING:
    # A generic in the stubs alone.
    _Handler = grpc.RpcMethodHandler[Any, Any]


class _Calls(grpc.GenericRpcHandler):
    def __init__(self, answer: Callable[[type[Message], Any], Iterator[Message]]) -> None:
        self._answer = answer

    def service(self, details: grpc.HandlerCallDetails) -> "_Handler | None":
        name = details.method.rpartition("/")[2]
        for service in _SERVICES:
            if name in service.methods_by_name:
                method = service.methods_by_name[name]
                kind = GetMessageClass(method.output_type)
                return self._handler(kind, method.server_streaming, method.client_streaming)
        return None

    def _handler(self, kind: type[Message], stream: bool, incoming: bool) -> "_Handler":
        def streamed(request: Any, context: Any) -> Iterator[bytes]:
            if incoming:
                next(request)
            for each in self._answer(kind, context):
                yield each.SerializeToString()

        def single(_request: Any, context: Any) -> bytes:
            return next(self._answer(kind, context)).SerializeToString()

        if incoming:
            return grpc.stream_stream_rpc_method_handler(streamed)
        if stream:
            return grpc.unary_stream_rpc_method_handler(streamed)
        return grpc.unary_unary_rpc_method_handler(single)
