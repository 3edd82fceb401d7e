"""What agent and collector must agree on about tests that run as a container of their own."""

import re
from collections.abc import Iterable

from headstart.words.container_needs import FOLDER_PATTERN, LONGEST_FOLDER

# In the environment of a check's program or container: where the app is asked.
URL_VARIABLE = "HEADSTART_URL"
# Tests of one container that a record lists, those first that did not pass.
MOST_TESTS = 2_000
# Of a test's name as it is read, of the one that is recorded (two of one name are numbered, and
# a value that is masked may be longer than itself), and of why it did not pass.
LONGEST_TEST = 300
LONGEST_NAME = 4096
LONGEST_MESSAGE = 4096
LONGEST_LINE = 300

# Where a container may leave what became of its tests: as a folder that it may be given.
JUNIT_PATTERN = FOLDER_PATTERN
LONGEST_JUNIT = LONGEST_FOLDER


def junit_fault(path: str, in_memory: Iterable[str]) -> str:
    """Why nothing can be read there once the container has ended, as a sentence; empty: it can.

    `in_memory`: folders of the container that are a tmpfs.
    """
    if not path:
        return ""
    if len(path) > LONGEST_JUNIT or re.fullmatch(JUNIT_PATTERN, path) is None:
        return f"{path[:100]!r} is no path at which a container can leave results"
    for folder in in_memory:
        if f"{path}/".startswith(f"{folder.rstrip('/')}/"):
            return (
                f"{path} lies in the tmpfs {folder}, which is gone when the container has ended;"
                " a volume is not"
            )
    return ""
