"""A connection of the builtin generator, over as many sockets as the server makes it need."""

import asyncio
from typing import Any, Protocol

from headstart.agent.http.response import Answer, NotHttp

# A read of this size is of a flood: taken in as chunks of a byte, it lasts half a second.
_FLOOD_BYTES = 1 << 16


class Owner(Protocol):
    """Who sends over connections and is told what came of it."""

    received_bytes: int

    def complete(self, slot: "Slot", answer: Answer) -> None:
        """A whole answer has arrived."""

    def fail(self, slot: "Slot", reason: str) -> None:
        """No whole answer will arrive."""

    def is_over(self) -> bool:
        """Whether no answer counts any more."""


class Slot:
    """One of the load's connections; over its life it may need several sockets."""

    __slots__ = (
        "busy",
        "failures",
        "free_us",
        "intended_us",
        "request",
        "sampled",
        "sent_us",
        "task",
        "wire",
    )

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.task: asyncio.Task[None] | None = None
        self.busy = False
        # Since the last answer.
        self.failures = 0
        self.request: Any = None
        self.sampled = False
        # Latency counts from here.
        self.intended_us = 0
        self.sent_us = 0
        self.free_us = 0


class Wire(asyncio.Protocol):
    """A socket of a slot. A stale one, whose slot gave it up, has no slot any more."""

    __slots__ = ("answer", "owner", "slot", "transport")

    def __init__(self, owner: Owner, slot: Slot) -> None:
        self.owner = owner
        self.slot: Slot | None = slot
        self.answer = Answer()
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        if self.slot is None:
            self.transport.abort()
        else:
            self.send(self.slot)

    def send(self, slot: Slot) -> None:
        """Send the slot's request."""
        self.answer = Answer(slot.request.to_head)
        self.transport.write(slot.request.data)

    def data_received(self, data: bytes) -> None:
        slot = self.slot
        if slot is None:
            return
        if not slot.busy:
            # Unasked: the connection cannot be trusted with a request.
            self.leave()
            return
        if len(data) >= _FLOOD_BYTES and self.owner.is_over():
            # The loop is to come to its end, however many connections are flooded.
            self.leave()
            return
        self.owner.received_bytes += len(data)
        try:
            complete = self.answer.feed(data)
        except NotHttp as error:
            self.owner.fail(slot, str(error))
            return
        if complete:
            self.owner.complete(slot, self.answer)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's name
        slot = self.slot
        if slot is None:
            return
        self.leave()
        if not slot.busy:
            return
        if self.answer.end():
            self.owner.complete(slot, self.answer)
        elif self.answer.status:
            self.owner.fail(slot, "connection closed in the middle of an answer")
        else:
            self.owner.fail(slot, "connection closed without an answer")

    def leave(self) -> None:
        """Part from the slot; the socket is closed, now or as soon as there is one."""
        if self.slot is not None:
            self.slot.wire = None
            self.slot = None
        if self.transport is not None:
            self.transport.abort()
