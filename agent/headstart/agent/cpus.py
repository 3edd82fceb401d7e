"""Linux cpuset lists, such as "0" or "0,2-3"."""


def parse_cpus(text: str) -> frozenset[int]:
    """The CPUs of a list; empty text: none named. ValueError when it is no such list."""
    cpus: set[int] = set()
    for part in text.split(",") if text.strip() else []:
        first, dash, last = part.partition("-")
        cpus.update(range(int(first), int(last if dash else first) + 1))
    return frozenset(cpus)
