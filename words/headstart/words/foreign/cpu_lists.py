"""A Linux cpuset list, such as "0,2-3": what files say, and what agents give to engines."""

import re

_LONGEST = 4096
_RANGE = re.compile(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", re.ASCII)

EXPECTED = "CPU numbers such as '0' or '0,2-3'"


def is_cpu_list(text: str) -> bool:
    """Whether a text is such a list, without blanks and with at least one CPU."""
    if len(text) > _LONGEST:
        return False
    ranges = [_RANGE.fullmatch(part) for part in text.split(",")]
    return all(found and int(found[1]) <= int(found[2] or found[1]) for found in ranges)
