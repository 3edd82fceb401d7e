"""What a runtime tells about itself: its files and its socket belong to the app."""

from typing import cast

from fuzz.target import Table, require
from headstart.agent.counters import diagnostics_ipc, hsperfdata, jvm, nettrace
from headstart.agent.counters.dotnet import counter_values, meter_values
from headstart.agent.deadline import Deadline

TABLE = Table()


@TABLE.add("the app, in its hsperfdata file", hsperfdata.Malformed, most_bytes=8192)
def hsperfdata_file(data: bytes) -> None:
    jvm.values(hsperfdata.parse(data))


@TABLE.add("the app, over its diagnostics socket", nettrace.Malformed, most_bytes=16384)
def nettrace_stream(data: bytes) -> None:
    meter_values(data)
    counter_values(data)
    # A stream that was cut gives the events before its end.
    whole, cut = list(nettrace.events(data)), list(nettrace.events(data[: len(data) // 2]))
    require(len(cut) <= len(whole), "a part of a stream has more events than the whole")


class _Socket:
    """As much of a socket as a conversation uses; it ends after the data."""

    def __init__(self, data: bytes) -> None:
        self._left = data

    def settimeout(self, _seconds: float) -> None:
        """It never waits."""

    def sendall(self, _data: bytes) -> None:
        """The app need not read."""

    def recv(self, size: int) -> bytes:
        piece, self._left = self._left[:size], self._left[size:]
        return piece


@TABLE.add("the app, over its diagnostics socket", diagnostics_ipc.IpcFault)
def diagnostics_answer(data: bytes) -> None:
    conversation = diagnostics_ipc._Conversation(cast("object", _Socket(data)), Deadline(5.0))  # type: ignore[arg-type]  # no other way in without a socket
    conversation.ask(1, 2, b"")
    conversation.take(bytearray(), Deadline(5.0), lambda _: False)
