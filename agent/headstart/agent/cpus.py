"""Linux cpuset lists, such as "0" or "0,2-3"."""

# More than any host has; a list of all the numbers that fit into a line would fill its memory.
_MOST_CPUS = 10_000


def parse_cpus(text: str) -> frozenset[int]:
    """The CPUs of a list; empty text: none named. ValueError when it is no such list."""
    cpus: set[int] = set()
    parts = text.split(",") if text.strip() else []
    if len(parts) > _MOST_CPUS:
        raise ValueError(f"a list of more than {_MOST_CPUS} CPUs")
    for part in parts:
        first, dash, last = part.partition("-")
        begin, end = int(first), int(last if dash else first)
        if end >= _MOST_CPUS:
            raise ValueError(f"no host has CPU {end}")
        cpus.update(range(begin, end + 1))
    return frozenset(cpus)
