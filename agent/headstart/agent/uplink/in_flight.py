"""How many bytes of records may be under way, by how fast they are confirmed: pure.

The answer to a ping waits behind all that was sent before it. On a slow way with megabytes under
way that takes longer than a living peer is given, so that the stream is cut, and cut again.
"""

from collections import deque
from dataclasses import dataclass, field

FIRST_BYTES = 64 << 10
# With less, a collector whose disk is slow would get less than an agent makes.
_LEAST_BYTES = 32 << 10
# In half a second more than a collector takes from one agent on average.
_MOST_BYTES = 4 << 20
# What is doubled when it came within the first was not yet long on its way afterwards: together
# they are below what `Addresses` gives a ping.
_FAST_SECONDS = 1.0
_SLOW_SECONDS = 2.0


@dataclass(frozen=True)
class _Sent:
    sequence: int
    bytes: int
    at: float


@dataclass
class InFlight:
    """What one stream has under way. Times are those of one steady clock, in seconds."""

    # How many bytes may be under way now.
    budget_bytes: int = FIRST_BYTES
    _sent: deque[_Sent] = field(default_factory=deque)
    _bytes: int = 0
    # What was sent before the budget changed says nothing about the new one.
    _changed_at: float = 0.0

    def room_for_next(self, most_bytes: int) -> int:
        """The bytes that the next message may have, at most so many; 0: it has to wait.

        Half of the budget: while the one half is confirmed the other is on its way.
        """
        left = self.budget_bytes - self._bytes
        return max(0, min(most_bytes, self.budget_bytes // 2, left))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is under way: then a record goes, however large it is."""
        return not self._sent

    def send(self, sequence: int, message_bytes: int, now: float) -> None:
        """A message begins its way; `sequence` is that of its last record."""
        self._sent.append(_Sent(sequence, message_bytes, now))
        self._bytes += message_bytes

    def confirm(self, sequence: int, now: float) -> None:
        """All records up to `sequence` are confirmed."""
        was_bytes = self._bytes
        oldest: _Sent | None = None
        while self._sent and self._sent[0].sequence <= sequence:
            message = self._sent.popleft()
            self._bytes -= message.bytes
            if oldest is None and message.at >= self._changed_at:
                oldest = message
        if oldest is None:
            return
        took = now - oldest.at
        if took > _SLOW_SECONDS:
            self._change(max(_LEAST_BYTES, self.budget_bytes // 2), now)
        elif took < _FAST_SECONDS and was_bytes >= self.budget_bytes // 2:
            # Where less was under way nothing is known of what the way takes.
            self._change(min(_MOST_BYTES, 2 * self.budget_bytes), now)

    def _change(self, budget_bytes: int, now: float) -> None:
        self.budget_bytes = budget_bytes
        self._changed_at = now
