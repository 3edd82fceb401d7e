"""A fleet that is killed, frozen, reset, copied, cut off, set back and run out of room, by a seed.

Its apps keep a record of their own (`counting_server.py`), against which every DONE run is held:
each trial had one process, and the load's requests are those that this process answered.
"""

from support.chaos.fleet import Chaos, chaos
from support.chaos.judging import Verdict

__all__ = ["Chaos", "Verdict", "chaos"]
