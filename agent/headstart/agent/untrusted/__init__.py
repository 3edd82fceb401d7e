"""What a measured program decides about, read within bounds: its files, its folders, its sockets.

Nothing here waits for the program, follows it out of its root, or takes in more than was
asked for; every refusal is an `OSError` whose words say what was found instead. What
may hang all the same (a file system that the program itself serves, a page of its memory)
is read by `within`, off the thread that must live.
"""

from headstart.agent.untrusted.files import Refused, Root, open_file
from headstart.agent.untrusted.off_thread import within

__all__ = ["Refused", "Root", "disk", "open_file", "within"]
