"""A collector whose store is at fault says that it was reached, whatever it was asked."""

import asyncio
from typing import Any

import grpc
import pytest

from headstart.collector.api import status_codes
from headstart.collector.identity import endings
from headstart.collector.store.turn import Superseded
from headstart.collector.store.writer import StoreDamaged, StoreFault
from headstart.words.answered import ANSWERED_KEY, STORE


class Ended(Exception):
    pass


class Context:
    """Keeps how its call ends."""

    trailing: Any = ()

    async def abort(self, code: grpc.StatusCode, _words: str, trailing: Any = ()) -> None:
        self.code, self.trailing = code, trailing
        raise Ended


@pytest.mark.parametrize("abort", [status_codes.abort, endings.abort])
@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (StoreFault("the disk is full"), grpc.StatusCode.UNAVAILABLE),
        (Superseded("it stands by"), grpc.StatusCode.UNAVAILABLE),
        (StoreDamaged("the file is malformed"), grpc.StatusCode.DATA_LOSS),
    ],
)
def test_it_is_told_apart_from_a_way_that_is_cut(
    abort: Any, fault: StoreFault, code: grpc.StatusCode
) -> None:
    context = Context()

    with pytest.raises(Ended):
        asyncio.run(abort(context, fault))
    assert context.code == code
    assert context.trailing == ((ANSWERED_KEY, STORE),)


@pytest.mark.parametrize(
    ("abort", "error"),
    [
        (status_codes.abort, status_codes.Status(grpc.StatusCode.NOT_FOUND, "no such run")),
        (endings.abort, endings.NotGiven(grpc.StatusCode.NOT_FOUND, "no such token")),
    ],
)
def test_other_endings_say_nothing_of_it(abort: Any, error: Exception) -> None:
    context = Context()

    with pytest.raises(Ended):
        asyncio.run(abort(context, error))
    assert context.trailing == ()
