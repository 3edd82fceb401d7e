"""How much a stream may send: so much at once, and so much a second after it."""

import time


class Allowance:
    """Full in the beginning. What is beyond it is waited for, not refused."""

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._time = time.monotonic()

    def take(self, amount: float) -> float:
        """The seconds that are to be waited before anything more is taken; 0: none."""
        now = time.monotonic()
        refill = (now - self._time) * self._per_second
        self._left = min(self._burst, self._left + refill) - amount
        self._time = now
        return max(0.0, -self._left / self._per_second)
