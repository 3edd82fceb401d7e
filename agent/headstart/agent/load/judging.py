"""Which answers of a load are held against all of their check, and at what price. Pure.

The generator's process imports it, so nothing of protobuf comes with it. Times are
microseconds from the load's begin.
"""

from random import Random

# So many in a load, at least, find a fault of one answer in a hundred in 99 % of loads:
# 1 - 0.99 ** 459. The rest is for loads whose last second has fewer.
_IN_A_LOAD = 600
_IN_A_SECOND = 50
_MOST_SHARE = 0.05
_SECOND_US = 1_000_000


class Judging:
    """Chooses answers evenly over time, whatever the rate, within a share of the CPU."""

    def __init__(self, duration_us: int) -> None:
        rate = max(_IN_A_SECOND, _IN_A_LOAD / (duration_us / _SECOND_US))
        self._gap_us = _SECOND_US / rate
        self._next_us = 0.0
        self._window = -1
        # Not in step with anything that an app does every n-th time.
        self._random = Random(0)  # noqa: S311  # no secret
        self._second = -1
        self._spent_us = 0

    def wants(self, now_us: int, window: int) -> bool:
        """Whether the answer to the request that is sent now is to be judged: one of each window
        at least."""
        if window != self._window:
            self._window = window
        elif now_us < self._next_us or self._is_dear(now_us):
            return False
        # From when it was due, so that late answers do not thin them out; a gap at most.
        due_us = max(self._next_us, now_us - self._gap_us)
        self._next_us = due_us + self._gap_us * (0.5 + self._random.random())
        return True

    def took(self, began_us: int, ended_us: int) -> None:
        """How long a judgement took: of a large body it may be long."""
        if (second := ended_us // _SECOND_US) != self._second:
            self._second, self._spent_us = second, 0
        self._spent_us += ended_us - began_us

    def _is_dear(self, now_us: int) -> bool:
        return now_us // _SECOND_US == self._second and self._spent_us > _MOST_SHARE * _SECOND_US
