"""What is still to be said to an agent."""

import asyncio
from collections.abc import Hashable

from headstart.v1.fleet_pb2 import AttendResponse


class Outbox:
    """What is to be sent, the latest word on each subject: bounded whatever the agent reads."""

    def __init__(self) -> None:
        self._messages: dict[Hashable, AttendResponse] = {}
        self._some = asyncio.Event()

    def put(self, subject: Hashable, message: AttendResponse) -> None:
        """Send a message in the place of an unsent one on the same subject."""
        self._messages[subject] = message
        self._some.set()

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._messages)

    async def get(self) -> AttendResponse:
        """The next message, as soon as there is one."""
        while not self._messages:
            self._some.clear()
            await self._some.wait()
        return self._messages.pop(next(iter(self._messages)))
