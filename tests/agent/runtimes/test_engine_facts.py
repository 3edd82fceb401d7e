"""What an agent says of its engine when that goes away between two questions."""

from typing import cast

from headstart.agent.instances import was_cancelled
from headstart.agent.runtimes.runtime import Runtime, RuntimeTable
from headstart.v1.host_pb2 import Engine


class _Gone:
    """An engine that answered once, or a question that the agent's end cut off."""

    def engine(self) -> Engine | None:
        raise was_cancelled()


class _There:
    def engine(self) -> Engine | None:
        return Engine(name="docker")


def test_an_engine_that_went_away_is_left_out() -> None:
    gone, there = cast("Runtime", _Gone()), cast("Runtime", _There())

    assert RuntimeTable({"docker": gone}).engine() is None
    assert RuntimeTable({"process": gone, "docker": there}).engine() == Engine(name="docker")
