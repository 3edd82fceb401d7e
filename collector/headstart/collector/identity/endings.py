"""How a call about identity ends when nothing is given."""

from typing import Any, NoReturn

import grpc

from headstart.collector.store.issued import TooManyCertificates
from headstart.collector.store.tokens import NoSuchToken, TokenRefused
from headstart.collector.store.writer import StoreDamaged, StoreFault
from headstart.words.answered import ANSWERED_KEY, STORE


class NotGiven(Exception):
    """The message says why, and what to do."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


# What `abort` has an answer for; anything else is a fault that grpc logs.
EXPECTED = (NotGiven, TooManyCertificates, NoSuchToken, TokenRefused, StoreFault)


async def abort(context: Any, error: Exception) -> NoReturn:
    """End the call with what `error` means to its caller."""
    trailing = ((ANSWERED_KEY, STORE),) if isinstance(error, StoreFault) else ()
    await context.abort(_code_of(error), str(error), trailing)
    raise AssertionError("abort raises")


def _code_of(error: Exception) -> grpc.StatusCode:
    match error:
        case NotGiven(code=code):
            return code
        case TooManyCertificates():
            return grpc.StatusCode.RESOURCE_EXHAUSTED
        case TokenRefused():
            return grpc.StatusCode.FAILED_PRECONDITION
        case NoSuchToken():
            return grpc.StatusCode.NOT_FOUND
        case StoreDamaged():
            # Nobody is to wait for it.
            return grpc.StatusCode.DATA_LOSS
        case StoreFault():
            return grpc.StatusCode.UNAVAILABLE
        case _:
            return grpc.StatusCode.INTERNAL
